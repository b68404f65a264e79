import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import * as recorded from '../actors/bounds.ts';
import { spawnedId } from '../actors/index.ts';
import { derivedId } from '../kernel/ids.ts';
import * as bounds from './bounds.ts';
import { defineHandler, type HandlerContext } from './handler.ts';
import { runHandler } from './testing/run-handler.ts';
import { refused, ScriptedKernel } from './testing/scripted-kernel.ts';
import { settle, setUp } from './testing/worker-under-test.ts';

const { askTriesMax, sentBytesMax, sentMessagesMax, spawnedBytesMax, spawnedMax } = bounds;
const [ada, bob] = [derivedId('ag', 'ada'), derivedId('ag', 'bob')];
type Course = (ctx: HandlerContext<unknown>) => unknown;
const handlerOf = (course: Course) =>
  defineHandler({ type: 'own', input: z.unknown(), run: (ctx) => course(ctx) as undefined });

describe('messages of a handler', () => {
  test('are as they were when they were sent', async () => {
    const payload = { n: 1 };
    const { ending } = await runHandler(
      handlerOf((ctx) => {
        ctx.send(bob, { type: 'note', payload });
        payload.n = 2;
      }),
      null,
    );
    expect(ending.kind === 'completed' && ending.mail?.messages).toEqual([
      { to: bob, type: 'note', payload: { n: 1 } },
    ]);
  });

  test.each<[string, string, Course]>([
    ['go to no agent', 'message_invalid', (ctx) => ctx.send('gl_x', { type: 'x' })],
    ['have no type', 'message_invalid', (ctx) => ctx.send(bob, {} as never)],
    ['hold what is no JSON', 'message_invalid', (ctx) => ctx.send(bob, { type: 'x', payload: 1n as never })],
    ['are too large', 'messages_too_large', (ctx) => ctx.send(bob, { type: 'x', payload: 'x'.repeat(sentBytesMax) })],
    [
      'are too many',
      'too_many_messages',
      (ctx) => {
        for (let i = 0; i <= sentMessagesMax; i++) ctx.send(bob, { type: 'x' });
      },
    ],
    ['are agents without a name', 'agent_invalid', (ctx) => ctx.spawn({} as never)],
    [
      'are agents too large',
      'agents_too_large',
      (ctx) => ctx.spawn({ name: 'x', systemPrompt: 'x'.repeat(spawnedBytesMax) }),
    ],
    [
      'are too many agents',
      'too_many_agents',
      (ctx) => {
        for (let i = 0; i <= spawnedMax; i++) ctx.spawn({ name: `agent ${i}` });
      },
    ],
  ])('that %s are refused where they are sent', async (_what, code, course) => {
    expect((await runHandler(handlerOf(course), null)).error).toMatchObject({ code, retryable: false });
  });

  test('are bounded as their task bounds them', () => {
    const { sentMessagesMax, sentBytesMax, spawnedMax, spawnedBytesMax } = recorded;
    expect(bounds).toMatchObject({ sentMessagesMax, sentBytesMax, spawnedMax, spawnedBytesMax });
  });

  test('fail the attempt when a receiver takes none: for good when there is no such agent', async () => {
    const course: Course = (ctx) => ctx.send(bob, { type: 'x' });
    const unreachable = (kind: 'rejected' | 'conflict', code: string) => () => ({ kind, code, detail: 'not there' });
    const fails = async (kind: 'rejected' | 'conflict', code: string) =>
      (await runHandler(handlerOf(course), null, { unreachable: unreachable(kind, code) })).error;
    const message = 'not there';
    expect(await fails('rejected', 'not_found')).toEqual({
      code: 'message_undeliverable',
      message,
      retryable: false,
      details: { code: 'not_found' },
    });
    expect(await fails('conflict', 'agent_not_accepting')).toEqual({
      code: 'message_undeliverable',
      message,
      details: { code: 'agent_not_accepting' },
    });
  });
});

describe('a worker', () => {
  test('asks once for each receiver, and sends the messages with the completion', async () => {
    const course: Course = (ctx) => {
      for (const to of [ada, bob, bob]) ctx.send(to, { type: 'note' });
    };
    const { kernel } = await setUp({ handlers: [handlerOf(course)] });
    kernel.offer({ taskId: 'gl_1.a', type: 'own' });
    await settle();
    expect(kernel.asked.map(({ to, command, body }) => [to, command, (body as { agentId: string }).agentId])).toEqual([
      ['gl_1.a', 'reach', ada],
      ['gl_1.a', 'reach', bob],
    ]);
    const note = (to: string) => ({ to, type: 'note', payload: null });
    expect(kernel.bodies('complete')).toMatchObject([{ messages: [note(ada), note(bob), note(bob)] }]);
  });

  test('asks for the agents that a handler spawns with the completion', async () => {
    const { kernel } = await setUp({ handlers: [handlerOf((ctx) => ctx.spawn({ name: 'Eve' }))] });
    kernel.offer({ taskId: 'gl_1.a', type: 'own' });
    await settle();
    const [body] = kernel.bodies('complete');
    expect(body).toMatchObject({ result: spawnedId('default', 'gl_1.a', 0), spawned: [{ name: 'Eve' }] });
    expect(body).not.toHaveProperty('messages');
  });

  test('says and asks nothing of messages where there are none', async () => {
    const { kernel } = await setUp({ handlers: [handlerOf(() => undefined)] });
    kernel.offer({ taskId: 'gl_1.a', type: 'own' });
    await settle();
    expect(kernel.bodies('complete')[0]).not.toHaveProperty('messages');
    expect(kernel.asked).toEqual([]);
  });

  test('sends nothing of an attempt that fails', async () => {
    const course: Course = (ctx) => {
      ctx.send(bob, { type: 'note' });
      throw new Error('no');
    };
    const { kernel } = await setUp({ handlers: [handlerOf(course)] });
    kernel.offer({ taskId: 'gl_1.a', type: 'own' });
    await settle();
    expect(kernel.bodies('fail')[0]).not.toHaveProperty('messages');
    expect(kernel.asked).toEqual([]);
  });

  test('completes all the same when nobody can tell whether a receiver is there', async () => {
    const kernel = new ScriptedKernel();
    kernel.answer = ({ command }) => (command === 'reach' ? refused('bus_unavailable', 'unavailable') : undefined);
    const { advance } = await setUp({ handlers: [handlerOf((ctx) => ctx.send(bob, { type: 'x' }))] }, kernel);
    kernel.offer({ taskId: 'gl_1.a', type: 'own' });
    await advance(10_000);
    expect(kernel.asked).toHaveLength(askTriesMax);
    expect(kernel.bodies('complete')).toHaveLength(1);
  });

  test('asks for a version of a profile once, and again when it could not be had', async () => {
    const kernel = new ScriptedKernel();
    let gone = true;
    const profile = { name: 'Ada' };
    kernel.answer = ({ command, to }) => {
      if (command !== 'profile') return undefined;
      return gone
        ? refused('profile_gone', 'rejected')
        : { ok: true, position: '1:1' as never, id: to, data: { profile } };
    };
    await setUp({ handlers: [handlerOf(async (ctx) => (await ctx.agent.profile()).name)] }, kernel);
    kernel.offer({ taskId: 'gl_1.a', type: 'own' });
    await settle();
    expect(kernel.bodies('fail')).toMatchObject([{ error: { code: 'profile_gone', retryable: false } }]);
    gone = false;
    for (const key of ['b', 'c']) {
      kernel.offer({ taskId: `gl_1.${key}`, type: 'own' });
      await settle();
    }
    expect(kernel.bodies('complete').map(({ result }) => result)).toEqual(['Ada', 'Ada']);
    expect(kernel.asked).toHaveLength(2);
  });
});
