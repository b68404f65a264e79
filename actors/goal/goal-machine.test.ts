import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Game, games } from '../testing/arbitraries.ts';
import { GoalPlayer } from '../testing/goal-player.ts';
import { emptyCounts } from './graph.ts';
import type { GoalState } from './state.ts';

/** Plays to the end; the player checks every event against its model on the way. */
function played({ input, moves }: Game): GoalPlayer {
  const player = new GoalPlayer(input);
  for (const move of moves) player.play(move);
  player.finish();
  return player;
}

describe('a goal and its tasks, whatever workers and people do', () => {
  it('end: each task once in each run, none before its dependencies, and nothing happens behind the end (I8)', () => {
    fc.assert(
      fc.property(games(10, 120), (game) => {
        const { ended } = played(game);
        expect(['GoalCompleted', 'GoalFailed', 'GoalCancelled']).toContain(ended);
      }),
      { numRuns: 400 },
    );
  });

  it('complete when every dead letter is redriven and all goes well, unless something was cancelled for itself', () => {
    fc.assert(
      fc.property(games(10, 120), (game) => {
        const player = played(game);
        const { model, domain, goalId } = player;
        for (let rounds = 0; rounds < 10 && player.deadLetters.length > 0; rounds++) {
          // Those of one goal together: the first begins the run, the others join it.
          for (const id of player.deadLetters) player.redrive(id);
          player.finish();
        }
        const isCancelled = [...model.tasks.values()].some(({ status, culprit }) => status === 'cancelled' && !culprit);
        const isUnplanned = domain.stateOf<GoalState>('goal', goalId).graph === undefined;
        if (model.status !== 'cancelled' && !isCancelled && !isUnplanned) expect(model.status).toBe('completed');
      }),
      { numRuns: 200 },
    );
  });

  it('are counted as a recount counts them', () => {
    fc.assert(
      fc.property(games(10, 120), ({ input, moves }) => {
        const player = new GoalPlayer(input);
        for (const move of moves) {
          player.play(move);
          const { graph } = player.domain.stateOf<GoalState>('goal', player.goalId);
          const counts = emptyCounts();
          for (const { status } of graph?.nodes.values() ?? []) counts[status]++;
          expect(graph?.counts ?? emptyCounts()).toEqual(counts);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('are the fold of their events (I5)', () => {
    fc.assert(
      fc.property(games(10, 120), (game) => {
        const { domain } = played(game);
        const again = domain.replayed();
        for (const { address, state } of domain.actors()) expect(again.find(address).state).toEqual(state);
      }),
      { numRuns: 100 },
    );
  });
});
