import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnedId } from '../../actors/index.ts';
import { SystemClock } from '../../kernel/clock.ts';
import type { Json } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';
import { derivedId } from '../../kernel/ids.ts';
import { threadDriver } from '../drivers/thread.ts';
import type { Execution } from '../execution.ts';
import type { Handler } from '../handler.ts';
import { runHandler } from '../testing/run-handler.ts';
import { js } from './js.ts';

const receiver = derivedId('ag', 'a receiver');

describe('js', () => {
  let handler: Handler;
  beforeAll(() => {
    handler = js(threadDriver({ threads: 2, clock: new SystemClock() }));
  });
  afterAll(() => handler.driver?.close());
  const run = (input: Json, options = {}) => runHandler(handler, input, options);

  test('calls a function with its arguments; console is its log', async () => {
    const ran = await run({ code: '(a, b) => { console.log("adding", a, b); return { sum: a + b } }', args: [1, 2] });
    expect(ran.result).toEqual({ sum: 3 });
    expect(await ran.artifact('log')).toBe('adding 1 2\n');
    expect((await run({ code: '() => undefined' })).ending).toMatchObject({ kind: 'completed', artifacts: [] });
  });

  test('what it throws is a failure that may be tried again; what cannot work is not', async () => {
    const threw = await run({ code: '() => { throw new RangeError("no") }' });
    expect(threw.error).toEqual({ code: 'function_threw', message: 'RangeError: no' });
    expect(await threw.artifact('log')).toContain('RangeError: no');
    expect((await run({ code: '((' })).error).toMatchObject({ code: 'function_threw', retryable: false });
    expect((await run({ module: '/etc/passwd' })).error).toMatchObject({
      code: 'module_not_allowed',
      retryable: false,
    });
    expect((await run({ code: '() => "x".repeat(3_000_000)' })).error).toMatchObject({
      code: 'result_too_large',
      retryable: false,
    });
    expect((await run({ code: '() => "x".repeat(300_000)' })).error).toMatchObject({
      code: 'result_too_large',
      retryable: false,
    });
  });

  test('holds time, heap and output', async () => {
    expect((await run({ code: '() => { for (;;); }' }, { timeoutMs: 200 })).error).toMatchObject({ code: 'timeout' });
    const bomb = '() => { const all = []; for (;;) all.push({ n: all.length }) }';
    expect((await run({ code: bomb }, { limits: { memoryBytes: 32 * 1024 * 1024 } })).error).toMatchObject({
      code: 'oom',
    });
    expect(
      (await run({ code: '() => { for (;;) console.log("flood") }' }, { limits: { outputBytes: 1000 } })).error,
    ).toMatchObject({ code: 'output' });
    expect((await run({ code: '() => "well"' })).result).toBe('well');
  });

  test('sends messages, and knows for whom it works', async () => {
    const code = `async (to) => {
      const { name } = await astra.profile();
      astra.send(to, { type: 'greeting', payload: { from: name, again: (await astra.profile()).name } });
      astra.send(to, { type: 'bye' });
      return name;
    }`;
    const { ending, result } = await run({ code, args: [receiver] }, { profile: { name: 'Ada' } });
    expect(result).toBe('Ada');
    expect(ending.kind === 'completed' && ending.mail?.messages).toEqual([
      { to: receiver, type: 'greeting', payload: { from: 'Ada', again: 'Ada' } },
      { to: receiver, type: 'bye', payload: null },
    ]);
    expect((await run({ code: '() => typeof astra.send' })).ending).not.toHaveProperty('mail');
  });

  test('that sends what is no message, or too many, fails', async () => {
    const fails = async (code: string) => (await run({ code, args: [receiver] })).error;
    const unfit = { code: 'message_invalid', retryable: false };
    expect(await fails('(to) => astra.send("Ada", { type: "x" })')).toMatchObject(unfit);
    expect(await fails('(to) => astra.send(to, { payload: 1 })')).toMatchObject(unfit);
    expect(await fails('(to) => astra.send(to)')).toMatchObject(unfit);
    const flood = '(to) => { for (;;) astra.send(to, { type: "x" }) }';
    expect(await fails(flood)).toMatchObject({
      code: 'function_threw',
      message: expect.stringContaining('100 messages'),
    });
  });

  test('spawns agents, whose ids it is told', async () => {
    const code = 'async () => Promise.all([astra.spawn({ name: "one" }), astra.spawn({ name: "two", kind: "x" })])';
    const { ending, result } = await run({ code });
    expect(result).toEqual([0, 1].map((n) => spawnedId('default', 'gl_test.task', n)));
    expect(ending.kind === 'completed' && ending.mail?.spawned).toEqual([{ name: 'one' }, { name: 'two', kind: 'x' }]);
    const refused = await run({ code: 'async () => astra.spawn({}).catch((error) => error.message)' });
    expect(refused.result).toContain('a name');
  });

  test('is told when its agent’s profile cannot be had', async () => {
    const gone = () => {
      throw new AstraError('rejected', 'profile_gone', 'it has changed too often since');
    };
    const code = 'async () => { try { await astra.profile() } catch (error) { return error.message } }';
    expect((await run({ code }, { onProfile: gone })).result).toBe('it has changed too often since');
  });

  test('ends when it is stopped', async () => {
    const { ending } = await run(
      { code: '() => { console.log("ready"); for (;;); }' },
      { onOutput: (execution: Execution) => execution.stop('cancelled') },
    );
    expect(ending).toEqual({ kind: 'stopped', reason: 'cancelled' });
  });

  test.each<[string, Json]>([
    ['neither code nor module', { args: [] }],
    ['both', { code: '() => 1', module: '/x' }],
    ['a name without a module', { code: '() => 1', name: 'x' }],
    ['arguments that are no list', { code: '() => 1', args: {} }],
    ['an unknown field', { code: '() => 1', timeout: 1 }],
  ])('refuses %s', async (_what, input) => {
    expect((await run(input)).error).toMatchObject({ code: 'input_invalid', retryable: false });
  });
});
