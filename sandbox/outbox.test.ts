import { describe, expect, test } from 'vitest';
import { shard } from '../kernel/brand.ts';
import type { Reply } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { ManualClock } from '../kernel/memory/clock.ts';
import { SystemRandom } from '../kernel/random.ts';
import { batchBytesMax, batchEntriesMax, batchRetryMaxMs } from './bounds.ts';
import { Outbox } from './outbox.ts';
import { refused, ScriptedKernel, silentLog } from './testing/scripted-kernel.ts';

function setUp() {
  const kernel = new ScriptedKernel();
  const clock = new ManualClock();
  const outbox = new Outbox({ link: kernel, org: 'default', clock, random: new SystemRandom(), log: silentLog });
  const answers: [string, boolean][] = [];
  const post = (of: number, to: string, bytes = 100) =>
    outbox.post(shard(of), { to, command: 'claim', id: `${to}:1:claim:1`, body: {} }, bytes, (reply: Reply) =>
      answers.push([to, reply.ok]),
    );
  const batches = () => kernel.batches.map(({ shard, entries }) => [shard, entries.map(({ to }) => to).join(' ')]);
  return { kernel, clock, outbox, answers, post, batches };
}

/** Lets everything run that does not wait for time. */
const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('Outbox', () => {
  test('sends what is posted in one turn as one message a shard', async () => {
    const { post, batches, outbox, answers } = setUp();
    post(1, 'a');
    post(2, 'b');
    post(1, 'c');
    await outbox.idle();
    expect(batches()).toEqual([
      [1, 'a c'],
      [2, 'b'],
    ]);
    expect(answers).toEqual([
      ['a', true],
      ['c', true],
      ['b', true],
    ]);
  });

  test('gathers what is posted while a message is on its way', async () => {
    const { kernel, post, batches, outbox } = setUp();
    const held = Promise.withResolvers<void>();
    kernel.hold = held.promise;
    post(1, 'a');
    await settle();
    post(1, 'b');
    await settle();
    post(1, 'c');
    await settle();
    expect(batches()).toEqual([[1, 'a']]);
    held.resolve();
    await outbox.idle();
    expect(batches()).toEqual([
      [1, 'a'],
      [1, 'b c'],
    ]);
  });

  test('repeats a batch of unknown outcome with the same ids, in order, until it is answered', async () => {
    const { kernel, clock, post, outbox, answers, batches } = setUp();
    let failures = 3;
    kernel.failing = () =>
      failures-- > 0 ? new AstraError('indeterminate', 'outcome_unknown', 'no answer') : undefined;
    post(1, 'a');
    await settle();
    post(1, 'b');
    for (let i = 0; i < 4; i++) {
      clock.advance(batchRetryMaxMs);
      await settle();
    }
    await outbox.idle();
    expect(batches().map(([, entries]) => entries)).toEqual(['a', 'a b', 'a b', 'a b']);
    expect(new Set(kernel.batches.map(({ entries }) => entries[0]?.id)).size).toBe(1);
    expect(answers).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });

  test('repeats single entries that could not be decided now', async () => {
    const { kernel, clock, post, outbox, answers, batches } = setUp();
    let away = true;
    kernel.answer = ({ to }) => (to === 'b' && away ? refused('shard_moving', 'unavailable') : undefined);
    for (const to of ['a', 'b', 'c']) post(1, to);
    await settle();
    expect(answers.map(([to]) => to)).toEqual(['a', 'c']);
    away = false;
    clock.advance(batchRetryMaxMs);
    await outbox.idle();
    expect(answers.map(([to]) => to)).toEqual(['a', 'c', 'b']);
    expect(batches().at(-1)).toEqual([1, 'b']);
  });

  test('goes on at once when the connection is back', async () => {
    const { kernel, post, outbox, answers } = setUp();
    kernel.failing = () => new AstraError('unavailable', 'bus_unavailable', 'away');
    post(1, 'a');
    await settle();
    kernel.failing = () => undefined;
    outbox.retryNow();
    await outbox.idle();
    expect(answers).toEqual([['a', true]]);
  });

  test('hands on a refusal, and does not repeat it', async () => {
    const { kernel, post, outbox, answers } = setUp();
    kernel.answer = () => refused('attempt_fenced');
    post(1, 'a');
    await outbox.idle();
    expect(answers).toEqual([['a', false]]);
    expect(kernel.batches).toHaveLength(1);
  });

  test('keeps within entries and bytes', async () => {
    const { kernel, post, outbox } = setUp();
    for (let i = 0; i < batchEntriesMax + 5; i++) post(1, `t${i}`);
    for (let i = 0; i < 3; i++) post(2, `big${i}`, batchBytesMax * 0.6);
    await outbox.idle();
    expect(kernel.batches.filter(({ shard }) => shard === 1).map(({ entries }) => entries.length)).toEqual([
      batchEntriesMax,
      5,
    ]);
    expect(kernel.batches.filter(({ shard }) => shard === 2).map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
  });

  test('finds the one entry for which a message is refused, and sends the others', async () => {
    const { kernel, post, outbox, answers } = setUp();
    kernel.failing = ({ entries }) =>
      entries.some(({ to }) => to === 'c') ? new AstraError('rejected', 'message_too_large', 'too large') : undefined;
    for (const to of ['a', 'b', 'c', 'd', 'e']) post(1, to);
    await outbox.idle();
    expect(answers.sort()).toEqual([
      ['a', true],
      ['b', true],
      ['c', false],
      ['d', true],
      ['e', true],
    ]);
  });

  test('does not send what was withdrawn', async () => {
    const { kernel, post, outbox, answers } = setUp();
    post(1, 'a').withdrawn = true;
    post(1, 'b');
    await outbox.idle();
    expect(kernel.commands).toEqual(['claim b']);
    expect(answers).toEqual([['b', true]]);
    expect(outbox.pending).toBe(0);
  });
});
