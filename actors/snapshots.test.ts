import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueOf } from '../kernel/snapshot.ts';
import { games } from './testing/arbitraries.ts';
import type { Domain } from './testing/domain.ts';
import { GoalPlayer } from './testing/goal-player.ts';
import { OrgPlayer, wishes } from './testing/org-player.ts';

/** Behind which events: every n-th, from a place on. */
const cuts = fc.record({ every: fc.integer({ min: 1, max: 40 }), from: fc.nat({ max: 39 }) });

/** Whatever went into snapshots on the way, everybody is what the events alone make of them. */
function expectSame(domain: Domain, { every, from }: { readonly every: number; readonly from: number }): void {
  const kept = domain.replayed(({ seq }) => (seq + from) % every === 0);
  const folded = domain.replayed();
  const actors = [...folded.actors()];
  expect([...kept.actors()].map(({ name }) => name)).toEqual(actors.map(({ name }) => name));
  for (const { address, version, firstSeq, lastSeq, state, members, head } of actors) {
    const live = kept.find(address);
    expect(live.state).toStrictEqual(state);
    expect([live.version, live.firstSeq, live.lastSeq]).toEqual([version, firstSeq, lastSeq]);
    expect([...(live.members?.keys() ?? [])]).toEqual([...(members?.keys() ?? [])]);
    if (!head) expect(dueOf(live, domain.now)).toBe(dueOf(folded.find(address), domain.now));
  }
}

describe('a fold that goes on from snapshots is the fold of the events alone (I5)', () => {
  it('of goals and their tasks', () => {
    fc.assert(
      fc.property(games(10, 120), cuts, ({ input, moves }, cut) => {
        const player = new GoalPlayer(input);
        for (const move of moves) player.play(move);
        expectSame(player.domain, cut);
      }),
      { numRuns: 150 },
    );
  });

  it('of agents, names and dead letters', () => {
    fc.assert(
      fc.property(wishes(40), cuts, (of, cut) => {
        const player = new OrgPlayer();
        for (const wish of of) player.play(wish);
        player.domain.settle();
        expectSame(player.domain, cut);
      }),
      { numRuns: 150 },
    );
  });
});
