import { describe, expect, test } from 'vitest';
import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { memoryArtifactStore } from './artifacts/memory-store.ts';
import type { ArtifactStore } from './artifacts.ts';
import { progressMs, shardSilenceMs, surplusHoldMs } from './bounds.ts';
import type { HandlerContext } from './handler.ts';
import { TaskFailure } from './task-failure.ts';
import { refused, ScriptedKernel } from './testing/scripted-kernel.ts';
import { manual, settle, setUp } from './testing/worker-under-test.ts';

describe('joining', () => {
  test('registers, then pulls every route of its pools and types', async () => {
    const { kernel, worker } = await setUp({ pools: ['a', 'b'], types: ['noop', 'sleep'] });
    await worker.registered;
    expect(kernel.workerCommands[0]).toMatchObject({
      verb: 'register',
      body: {
        profile: {
          pools: ['a', 'b'],
          slots: 2,
          types: ['noop', 'sleep'],
          incarnation: worker.incarnation,
          drivers: [],
        },
      },
    });
    expect(kernel.routes).toEqual([
      { pool: 'a', type: 'noop' },
      { pool: 'a', type: 'sleep' },
      { pool: 'b', type: 'noop' },
      { pool: 'b', type: 'sleep' },
    ]);
  });

  test('asks again until the kernel answers, with the same command id', async () => {
    const kernel = new ScriptedKernel();
    let away = 3;
    const { registering } = kernel;
    kernel.registering = () => (away-- > 0 ? new AstraError('unavailable', 'bus_unavailable', 'away') : registering());
    const { worker, advance } = await setUp({}, kernel);
    expect(kernel.pulled).toBeUndefined();
    await advance(20_000);
    await worker.registered;
    expect(kernel.workerCommands.map(({ verb }) => verb)).toEqual(['register', 'register', 'register', 'register']);
    expect(new Set(kernel.workerCommands.map(({ id }) => id)).size).toBe(1);
    expect(kernel.pulled).toBeDefined();
  });

  test('leaves when the kernel refuses it for good', async () => {
    const kernel = new ScriptedKernel();
    kernel.registering = () => refused('worker_invalid', 'rejected');
    const { worker } = await setUp({}, kernel);
    await expect(worker.registered).rejects.toThrow(expect.objectContaining({ code: 'worker_invalid' }));
    await worker.left;
  });

  test('refuses to serve a type that nothing implements', async () => {
    await expect(setUp({ types: ['noop', 'shell'] })).rejects.toThrow(
      expect.objectContaining({ code: 'handler_missing' }),
    );
  });

  test('registers again when it was silent for long enough to be lost', async () => {
    const { kernel, advance } = await setUp();
    kernel.connection('lost');
    await advance(shardSilenceMs + 1000);
    kernel.connection('back');
    await settle();
    expect(kernel.workerCommands.filter(({ verb }) => verb === 'register')).toHaveLength(2);
  });
});

describe('running', () => {
  test('claims, runs, reports, and acks after the claims are answered', async () => {
    const { kernel, worker } = await setUp();
    const held = Promise.withResolvers<void>();
    kernel.hold = held.promise;
    kernel.offer({ taskId: 'gl_1.a', input: { n: 1 } }, { taskId: 'gl_1.b', input: 'text' });
    await settle();
    expect(kernel.commands).toEqual(['claim gl_1.a', 'claim gl_1.b']);
    expect(kernel.batches).toHaveLength(1);
    expect(kernel.acked).toBe(0);
    held.resolve();
    await settle();
    expect(kernel.acked).toBe(1);
    expect(kernel.batches).toHaveLength(2);
    const by = { attempt: 1, worker: 'wk_x', incarnation: worker.incarnation };
    expect(kernel.bodies('claim')).toEqual([by, by]);
    expect(kernel.bodies('complete')).toEqual([
      { ...by, result: { n: 1 } },
      { ...by, result: 'text' },
    ]);
    expect(kernel.batches[0]?.entries[0]?.id).toMatch(/^gl_1\.a:1:claim:\d+$/);
    expect(worker.stats()).toMatchObject({ running: 0, claimed: 2, completed: 2, unanswered: 0 });
  });

  test('runs nothing whose claim was refused', async () => {
    const { handler, contexts } = manual();
    const { kernel, worker } = await setUp({ handlers: [handler] });
    kernel.answer = ({ command, to }) =>
      command === 'claim' && to === 'gl_1.a' ? refused('attempt_fenced') : undefined;
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' }, { taskId: 'gl_1.b', type: 'manual' });
    await settle();
    expect(contexts.map(({ taskId }) => taskId)).toEqual(['gl_1.b']);
    expect(kernel.acked).toBe(1);
    expect(worker.stats()).toMatchObject({ running: 1, fenced: 1 });
  });

  test('what has no slot is claimed when one is free, and declined when none is for a while', async () => {
    const { handler, ends } = manual();
    const { kernel, advance, worker } = await setUp({ handlers: [handler] });
    kernel.offer(...['a', 'b', 'c', 'd'].map((key) => ({ taskId: `gl_1.${key}`, type: 'manual' })));
    await settle();
    expect(kernel.commands).toEqual(['claim gl_1.a', 'claim gl_1.b']);
    expect(kernel.pulled?.credit()).toBe(0);
    ends[0]?.resolve(null);
    await settle();
    expect(kernel.commands.slice(2).sort()).toEqual(['claim gl_1.c', 'complete gl_1.a']);
    expect(kernel.acked).toBe(0);
    await advance(surplusHoldMs + 10);
    expect(kernel.commands.at(-1)).toBe('decline gl_1.d');
    expect(kernel.acked).toBe(1);
    expect(worker.stats()).toMatchObject({ running: 2, waiting: 0, declined: 1 });
  });

  test('asks for as many as there are free slots', async () => {
    const { handler } = manual();
    const { kernel } = await setUp({ handlers: [handler], slots: 3 });
    expect(kernel.pulled?.credit()).toBe(3);
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    expect(kernel.pulled?.credit()).toBe(2);
  });

  test('refuses types and limits that it cannot do, before any claim', async () => {
    const { kernel } = await setUp();
    kernel.offer({ taskId: 'gl_1.a', type: 'other' });
    kernel.offer({ taskId: 'gl_1.b', limits: { memoryBytes: 1000, pids: 4, network: 'none' } });
    await settle();
    expect(kernel.commands).toEqual(['refuse gl_1.a', 'refuse gl_1.b']);
    expect(kernel.bodies('refuse')).toMatchObject([
      { code: 'type_unknown', types: ['noop', 'sleep', 'http'] },
      { code: 'limit_unenforceable', reason: expect.stringContaining('memoryBytes') },
    ]);
    expect(kernel.bodies('refuse')[1]?.['reason']).not.toContain('pids');
    expect(kernel.acked).toBe(2);
  });

  test('a copy of an offer that is at hand is not claimed again', async () => {
    const { handler } = manual();
    const { kernel } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    expect(kernel.commands).toEqual(['claim gl_1.a']);
    expect(kernel.acked).toBe(2);
  });

  test('drops a message that cannot be understood, and goes on', async () => {
    const { kernel } = await setUp();
    for (const payload of ['no json', '{}', '[{"taskId":1}]', '[null]']) kernel.deliver(Buffer.from(payload));
    kernel.offer({ taskId: 'gl_1.a' });
    await settle();
    expect(kernel.acked).toBe(5);
    expect(kernel.commands).toEqual(['claim gl_1.a', 'complete gl_1.a']);
  });

  test('bad input fails at once with its faults, for good', async () => {
    const { kernel } = await setUp();
    kernel.offer({ taskId: 'gl_1.a', type: 'sleep', input: { ms: -1, more: true } });
    await settle();
    expect(kernel.bodies('fail')).toMatchObject([
      {
        error: {
          code: 'input_invalid',
          retryable: false,
          message: expect.stringContaining('/ms'),
          details: { errors: [{ pointer: '/ms' }, { message: expect.stringContaining('more') }] },
        },
      },
    ]);
  });

  test('errors of handlers keep their code; others are named', async () => {
    const { handler, ends } = manual();
    const { kernel } = await setUp({ handlers: [handler], slots: 4 });
    kernel.offer(...['a', 'b', 'c', 'd'].map((key) => ({ taskId: `gl_1.${key}`, type: 'manual' })));
    await settle();
    ends[0]?.reject(new TaskFailure('no_luck', 'not today', { details: { n: 1 } }));
    ends[1]?.reject(new TaskFailure('never', 'not ever', { retryable: false }));
    ends[2]?.reject(new RangeError('too far'));
    ends[3]?.resolve(1n as unknown as Json);
    await settle();
    expect(kernel.bodies('fail').map(({ error }) => error)).toEqual([
      { code: 'no_luck', message: 'not today', details: { n: 1 } },
      { code: 'never', message: 'not ever', retryable: false },
      { code: 'handler_threw', message: 'RangeError: too far' },
      { code: 'result_invalid', message: expect.stringContaining('BigInt'), retryable: false },
    ]);
  });

  test('a result beyond the bound fails for good', async () => {
    const { kernel } = await setUp();
    kernel.offer({ taskId: 'gl_1.a', input: 'x'.repeat(300_000) });
    await settle();
    expect(kernel.bodies('fail')).toMatchObject([{ error: { code: 'result_too_large', retryable: false } }]);
  });

  test('a result that the task cannot take ends the attempt with the reason', async () => {
    const { kernel } = await setUp();
    kernel.answer = ({ command }) =>
      command === 'complete' ? refused('goal_results_too_large', 'rejected') : undefined;
    kernel.offer({ taskId: 'gl_1.a' });
    await settle();
    expect(kernel.bodies('fail')).toMatchObject([{ error: { code: 'goal_results_too_large', retryable: false } }]);
  });

  test('gives handlers what they are promised, samples progress, keeps artifacts and the log', async () => {
    const { handler, contexts, ends } = manual();
    const store = memoryArtifactStore();
    const { kernel, advance } = await setUp({ handlers: [handler], artifacts: store });
    kernel.offer({
      taskId: 'gl_1.a',
      type: 'manual',
      attempt: 3,
      input: { x: 1 },
      agentId: 'ag_9',
      profileVersion: 7,
      idempotencyKey: 'gl_1.a:2',
    });
    await settle();
    const ctx = contexts[0] as HandlerContext<unknown>;
    expect(ctx).toMatchObject({
      taskId: 'gl_1.a',
      attempt: 3,
      input: { x: 1 },
      idempotencyKey: 'gl_1.a:2',
      agent: { id: 'ag_9', profileVersion: 7 },
    });
    for (let i = 1; i <= 5; i++) ctx.progress(i / 10, `step ${i}`);
    ctx.log('one ');
    ctx.log('two\n', 'stderr');
    await advance(progressMs * 3);
    expect(kernel.bodies('progress').map(({ fraction, note }) => [fraction, note])).toEqual([
      [0.1, 'step 1'],
      [0.5, 'step 5'],
    ]);
    expect(kernel.output.map(({ payload }) => payload)).toMatchObject([
      { attempt: 3, n: 1, stream: 'stdout', text: 'one ' },
      { attempt: 3, n: 2, stream: 'stderr', text: 'two\n' },
    ]);
    const signals: unknown[] = [];
    ctx.onSignal((name, payload) => signals.push([name, payload]));
    kernel.control({ shards: [1], stop: [], signals: [{ taskId: 'gl_1.a', name: 'hurry', payload: 1 }] });
    expect(signals).toEqual([['hurry', 1]]);
    const file = await ctx.artifact('a.txt', 'content', 'text/plain');
    ends[0]?.resolve('done');
    await settle();
    const [body] = kernel.bodies('complete');
    expect(body?.['artifacts']).toEqual([
      { ...file, name: 'a.txt', mediaType: 'text/plain', size: 7 },
      { sha256: expect.any(String), name: 'log', mediaType: 'text/plain; charset=utf-8', size: 8 },
    ]);
    const log = (body?.['artifacts'] as { sha256: string }[] | undefined)?.[1];
    expect(Buffer.from(await ctx.readArtifact(log?.sha256 ?? '', 100)).toString()).toBe('one two\n');
  });

  test('waits for a store that is away before it reports', async () => {
    const { handler, contexts, ends } = manual();
    let away = true;
    const store = memoryArtifactStore();
    const flaky: ArtifactStore = {
      ...store,
      put: (...args) =>
        away ? Promise.reject(new AstraError('unavailable', 'artifacts_unavailable', 'away')) : store.put(...args),
    };
    const { kernel, advance } = await setUp({ handlers: [handler], artifacts: flaky });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    contexts[0]?.log('kept');
    ends[0]?.resolve(1);
    await advance(5000);
    expect(kernel.bodies('complete')).toEqual([]);
    away = false;
    await advance(10_000);
    expect(kernel.bodies('complete')).toMatchObject([{ result: 1, artifacts: [{ name: 'log', size: 4 }] }]);
  });
});
