import { beforeEach, describe, expect, it } from 'vitest';
import type { RequestContext } from '../actors/index.ts';
import type { Envelope, Reply } from '../kernel/envelope.ts';
import { derivedId } from '../kernel/ids.ts';
import { ManualClock } from '../kernel/memory/clock.ts';
import type { Page, Reads } from '../projections/index.ts';
import { redriveInFlightMax, redriveMax } from './bounds.ts';
import { Commands } from './commands.ts';
import { redriveMatching } from './redrive.ts';

const clock = new ManualClock();
const context: RequestContext = {
  org: 'default',
  principal: 'key:test',
  route: 'POST /v1/dead-letters/redrive',
  now: clock.now(),
  newId: (prefix) => derivedId(prefix, String(++ids)),
};
let ids = 0;
const goal = (n: number): string => derivedId('gl', String(n));

/** Dead letters: of each goal this many tasks. */
function deadLetters(goals: number, tasks: number): Reads['deadLetters'] {
  const items = Array.from({ length: goals * tasks }, (_, i) => {
    const goalId = goal(i % goals);
    return { kind: 'task', id: `${goalId}.t${Math.floor(i / goals)}`, goalId };
  });
  return {
    get: () => ({ kind: 'unknown' }),
    list(_org, _filter, { limit, cursor }) {
      const from = Number(cursor ?? 0);
      const end = from + (limit ?? 50);
      const page = { items: items.slice(from, end), nextCursor: end < items.length ? String(end) : null };
      return page as unknown as Page<never>;
    },
  };
}

let sent: Envelope[];
let inFlight: Set<string>;
let inFlightMost: number;
let answer: (envelope: Envelope) => Reply;
const done = ({ to }: Envelope): Reply => ({ ok: true, id: to.id, position: '0:7' as never });
const commands = new Commands(
  {
    connected: true,
    async send(envelope) {
      const of = envelope.to.id.split('.')[0] as string;
      if (inFlight.has(of)) throw new Error(`two at once to ${of}`);
      inFlight.add(of);
      inFlightMost = Math.max(inFlightMost, inFlight.size);
      await Promise.resolve();
      inFlight.delete(of);
      sent.push(envelope);
      return answer(envelope);
    },
  },
  clock,
);

beforeEach(() => {
  sent = [];
  inFlight = new Set();
  inFlightMost = 0;
  answer = done;
});

describe('redriving what matches', () => {
  it('sends each task its command once, those of one goal one behind the other', async () => {
    const result = await redriveMatching(deadLetters(200, 3), {}, context, commands);
    expect(result).toEqual({ redriven: 600, remaining: 0, position: '0:7' });
    expect(new Set(sent.map(({ to }) => to.id)).size).toBe(600);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(600);
    expect(sent.every(({ verb, to }) => verb === 'redrive' && to.type === 'task')).toBe(true);
    expect(inFlightMost).toBe(redriveInFlightMax);
  });

  it('takes so many in a call, and counts the rest', async () => {
    const result = await redriveMatching(deadLetters(redriveMax + 500, 1), {}, context, commands);
    expect(result).toMatchObject({ redriven: redriveMax, remaining: 500 });
  });

  it('does nothing where nothing matches', async () => {
    expect(await redriveMatching(deadLetters(0, 0), {}, context, commands)).toEqual({
      redriven: 0,
      remaining: 0,
      position: undefined,
    });
  });

  it('passes over what its state does not allow any more', async () => {
    answer = (envelope) =>
      envelope.to.id.endsWith('.t1')
        ? { ok: false, problem: { kind: 'conflict', code: 'invalid_transition', detail: 'it runs' } }
        : done(envelope);
    expect(await redriveMatching(deadLetters(5, 3), {}, context, commands)).toMatchObject({
      redriven: 10,
      remaining: 5,
    });
  });

  it('stops when nobody answers any more: what was done counts, and with nothing done the reason is told', async () => {
    const down: Reply = { ok: false, problem: { kind: 'unavailable', code: 'bus_unavailable', detail: 'no answer' } };
    answer = () => down;
    await expect(redriveMatching(deadLetters(100, 3), {}, context, commands)).rejects.toMatchObject({
      code: 'bus_unavailable',
    });
    expect(sent.length).toBeLessThanOrEqual(redriveInFlightMax);
    answer = (envelope) => (sent.length > 100 ? down : done(envelope));
    sent = [];
    const { redriven, remaining } = await redriveMatching(deadLetters(300, 1), {}, context, commands);
    expect([redriven, remaining]).toEqual([100, 200]);
  });
});
