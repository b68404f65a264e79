import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AstraError } from '../kernel/errors.ts';
import { abandonMs, batchRetryMaxMs, claimGiveUpMs, heartbeatMs, shardSilenceMs, silenceLookMs } from './bounds.ts';
import { defineHandler } from './handler.ts';
import { manual, settle, setUp } from './testing/worker-under-test.ts';

describe('ending what runs', () => {
  test('the time limit aborts the attempt and fails it', async () => {
    const { handler } = manual();
    const { kernel, advance } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual', timeoutMs: 1000 });
    await settle();
    await advance(1500);
    expect(kernel.bodies('fail')).toMatchObject([{ error: { code: 'timeout' } }]);
    expect(kernel.bodies('fail')[0]?.['error']).not.toHaveProperty('retryable');
  });

  test('a handler that does not heed its signal is abandoned, and its slot is free', async () => {
    const deaf = defineHandler({ type: 'deaf', input: z.unknown(), run: () => new Promise<void>(() => undefined) });
    const { kernel, advance, worker } = await setUp({ handlers: [deaf] });
    kernel.offer({ taskId: 'gl_1.a', type: 'deaf', timeoutMs: 1000 });
    await settle();
    await advance(1000);
    expect(worker.stats().running).toBe(1);
    await advance(abandonMs);
    expect(worker.stats().running).toBe(0);
    expect(kernel.bodies('fail')).toMatchObject([{ error: { code: 'timeout' } }]);
  });

  test('what the kernel has ended is stopped at once and not reported', async () => {
    const { handler, contexts } = manual();
    const { kernel, worker } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' }, { taskId: 'gl_1.b', type: 'manual' });
    await settle();
    kernel.control({
      shards: [1],
      stop: [
        { taskId: 'gl_1.a', attempt: 1, reason: 'cancelled' },
        { taskId: 'gl_1.b', attempt: 2, reason: 'ended' },
      ],
      signals: [],
    });
    await settle();
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(kernel.commands).toEqual(['claim gl_1.a', 'claim gl_1.b']);
    expect(worker.stats()).toMatchObject({ running: 1, stopped: 1 });
  });

  test('what is stopped before its claim is answered never starts, and is given back', async () => {
    const { handler, contexts } = manual();
    const { kernel } = await setUp({ handlers: [handler] });
    const held = Promise.withResolvers<void>();
    kernel.hold = held.promise;
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    kernel.control({ shards: [1], stop: [{ taskId: 'gl_1.a', attempt: 1, reason: 'ended' }] });
    held.resolve();
    await settle();
    expect(contexts).toEqual([]);
    expect(kernel.commands).toEqual(['claim gl_1.a', 'decline gl_1.a']);
  });

  test('an attempt whose shard is in no answer is stopped and given back; others run on', async () => {
    const { handler, contexts } = manual();
    const { kernel, advance } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual', shard: 1 });
    kernel.offer({ taskId: 'gl_2.a', type: 'manual', shard: 2 });
    await settle();
    for (let ms = 0; ms <= shardSilenceMs + heartbeatMs; ms += heartbeatMs) {
      kernel.control({ shards: [2], stop: [], signals: [] });
      await advance(heartbeatMs);
    }
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(kernel.bodies('decline')).toMatchObject([{ reason: 'shard_silent' }]);
  });

  test('a worker that was suspended itself does not judge before it has listened', async () => {
    const { handler, contexts } = manual();
    const { kernel, clock, advance } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    clock.advance(100);
    // The process did not run for a while: its alarms ring late, all at once, before the socket is read.
    const { monotonicMs } = clock;
    clock.monotonicMs = () => monotonicMs.call(clock) + shardSilenceMs * 2;
    clock.advance(silenceLookMs);
    kernel.control({ shards: [1], stop: [], signals: [] });
    await advance(silenceLookMs * 2);
    expect(contexts[0]?.signal.aborted).toBe(false);
  });
});

describe('what is not answered', () => {
  test('a result outlives minutes without a kernel, and heartbeats name its attempt until it is told', async () => {
    const { handler, ends } = manual();
    const { kernel, advance, worker } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    kernel.failing = () => new AstraError('indeterminate', 'outcome_unknown', 'no answer');
    ends[0]?.resolve({ precious: true });
    await advance(180_000);
    expect(worker.stats()).toMatchObject({ running: 0, unanswered: 1 });
    expect(kernel.heartbeats.at(-1)).toMatchObject({ free: 2, running: [{ taskId: 'gl_1.a', attempt: 1 }] });
    kernel.failing = () => undefined;
    await advance(batchRetryMaxMs);
    expect(kernel.bodies('complete').at(-1)).toMatchObject({ result: { precious: true } });
    expect(new Set(kernel.batches.slice(1).map(({ entries }) => entries[0]?.id)).size).toBe(1);
    await advance(heartbeatMs);
    expect(kernel.heartbeats.at(-1)).toMatchObject({ running: [] });
  });

  test('a claim without an answer is given up in the end', async () => {
    const { kernel, advance, worker } = await setUp();
    kernel.failing = () => new AstraError('unavailable', 'bus_unavailable', 'away');
    kernel.offer({ taskId: 'gl_1.a' });
    await settle();
    expect(worker.stats().running).toBe(1);
    await advance(claimGiveUpMs + 2 * silenceLookMs);
    expect(worker.stats().running).toBe(0);
    kernel.failing = () => undefined;
    await advance(batchRetryMaxMs);
    expect(kernel.bodies('complete')).toEqual([]);
    expect(worker.stats().unanswered).toBe(0);
  });
});

describe('leaving', () => {
  test('drains: takes no more, finishes, reports, leaves', async () => {
    const { handler, ends } = manual();
    const { kernel, worker } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    const drained = worker.drain('update');
    await settle();
    expect(kernel.workerCommands.at(-1)).toMatchObject({ verb: 'drain', body: { reason: 'update' } });
    expect(kernel.pulled?.credit()).toBe(0);
    kernel.offer({ taskId: 'gl_1.b', type: 'manual' });
    await settle();
    expect(kernel.commands.at(-1)).toBe('decline gl_1.b');
    ends[0]?.resolve(1);
    await drained;
    expect(kernel.commands.at(-1)).toBe('complete gl_1.a');
    expect(kernel.workerCommands.at(-1)).toMatchObject({ verb: 'stop', body: { incarnation: worker.incarnation } });
  });

  test('drains when kernels say so: takes no more, finishes, and has done what it was to', async () => {
    const { handler, ends } = manual();
    const { kernel, worker } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    kernel.control({ shards: [1], stop: [], signals: [], drain: true });
    kernel.control({ shards: [1], stop: [], signals: [], drain: true });
    kernel.offer({ taskId: 'gl_1.b', type: 'manual' });
    await settle();
    expect(kernel.commands.at(-1)).toBe('decline gl_1.b');
    expect(worker.hasDrained).toBe(false);
    ends[0]?.resolve(1);
    await worker.left;
    expect(worker.hasDrained).toBe(true);
    expect(kernel.commands.at(-1)).toBe('complete gl_1.a');
    // The kernel knows: it is told of the end alone.
    expect(kernel.workerCommands.map(({ verb }) => verb)).toEqual(['register', 'stop']);
  });

  test('stops in time: what still runs is given back', async () => {
    const { handler, contexts } = manual();
    const { kernel, worker, advance } = await setUp({ handlers: [handler] });
    kernel.offer({ taskId: 'gl_1.a', type: 'manual' });
    await settle();
    const stopped = worker.stop({ graceMs: 1000 });
    await advance(500);
    expect(contexts[0]?.signal.aborted).toBe(false);
    await advance(1000);
    await stopped;
    expect(contexts[0]?.signal.aborted).toBe(true);
    expect(kernel.bodies('decline')).toMatchObject([{ reason: 'worker_stopping' }]);
    expect(kernel.workerCommands.at(-1)?.verb).toBe('stop');
    await worker.left;
  });

  test('stops also when nobody answers', async () => {
    const { kernel, worker, advance } = await setUp();
    kernel.failing = () => new AstraError('unavailable', 'bus_unavailable', 'away');
    kernel.offer({ taskId: 'gl_1.a' });
    await settle();
    kernel.connection('lost');
    const stopped = worker.stop({ graceMs: 1000 });
    await advance(60_000);
    await stopped;
  });
});
