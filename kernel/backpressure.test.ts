import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inboxBytesMax, mailboxCommandsMax } from './bounds.ts';
import type { Reply } from './envelope.ts';
import { boxId, eventually, homeOf, together, turns, World } from './testing/world.ts';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.start();
});
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});

const codeOf = (reply: Reply): string => (reply.ok ? 'ok' : reply.problem.code);
const count = (replies: readonly Reply[], code: string): number => replies.filter((one) => codeOf(one) === code).length;

describe('commands past the bounds', () => {
  it('of one actor are refused with `mailbox_full`, and those of others come through', async () => {
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    const arrived = world.occupy(a);
    const asked = Array.from({ length: 1.5 * mailboxCommandsMax }, () => world.ask('add', a));
    const others = Array.from({ length: 20 }, () => world.ask('add', b));
    await turns();
    arrived();
    const replies = await Promise.all(asked);
    expect([count(replies, 'ok'), count(replies, 'mailbox_full')]).toEqual([
      mailboxCommandsMax,
      0.5 * mailboxCommandsMax,
    ]);
    expect(replies.find(({ ok }) => !ok)).toMatchObject({ problem: { kind: 'overloaded', retryAfterMs: 1000 } });
    for (const other of others) expect(await other).toMatchObject({ ok: true });
    expect([world.of(a).length, world.of(b).length]).toEqual([1 + count(replies, 'ok'), 1 + others.length]);
    // Refusals are committed like all answers: the lane is past them.
    const [row] = await world.log.heads([homeOf(a)]);
    expect(row?.lane.sequence).toBe(3 + asked.length + others.length);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
  });

  it('in bytes are refused with `overloaded`, and one that is alone is taken however large it is', async () => {
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    const large = 'x'.repeat(world.bus.messageBytesMax - 8192);
    expect(await world.ask('add', a, { note: large })).toMatchObject({ ok: true });
    const arrived = world.occupy(a);
    const asked = Array.from({ length: 4 }, () => world.ask('add', a, { note: 'x'.repeat(inboxBytesMax / 3) }));
    await turns();
    arrived();
    expect((await Promise.all(asked)).map(codeOf)).toEqual(['ok', 'ok', 'overloaded', 'overloaded']);
    expect(world.of(a)).toHaveLength(2 + 2);
  });

  it('are all decided where nobody waits for the answer: they wait on the bus', async () => {
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    for (let i = 0; i < 1.5 * mailboxCommandsMax; i++) await world.send('add', a);
    const large = 'x'.repeat(inboxBytesMax / 4);
    for (let i = 0; i < 5; i++) await world.send('add', a, { note: large });
    await eventually(() => world.size(homeOf(a)) >= 1 + 1.5 * mailboxCommandsMax + 5);
    await eventually(() => world.of(a).length === 1 + 1.5 * mailboxCommandsMax + 5);
    expect(world.events().filter(({ type }) => type === 'Parked')).toEqual([]);
  });
});
