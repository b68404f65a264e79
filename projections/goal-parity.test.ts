import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { GoalState } from '../actors/goal/state.ts';
import { type Game, games } from '../actors/testing/arbitraries.ts';
import { GoalPlayer } from '../actors/testing/goal-player.ts';
import { type Shard, seq } from '../kernel/brand.ts';
import { work } from './work.ts';
import { type WorkState, workBounds } from './work-state.ts';

/** The read model of everything a domain has recorded. */
function readModelOf({ domain }: GoalPlayer): WorkState {
  const projection = work(workBounds);
  const state = projection.initial();
  for (const event of domain.events) {
    const at = { shard: 0 as Shard, epoch: 1 as never, commitSeq: seq(event.seq), schema: 1 };
    const by = { commandId: 'c', correlationId: 'c', principal: 'kernel' };
    projection.apply(state, { ...event, ...at, ...by, data: event.data as never }, 100);
  }
  return state;
}

/** Status, run and readiness of each task, as the goal's own graph has them. */
const known = ({ graph, planning }: GoalState) =>
  [...(planning ? [planning] : []), ...(graph?.nodes.values() ?? [])].map(({ task, status, readyAt }) => [
    task.key,
    status,
    status === 'pending' ? readyAt : undefined,
  ]);

it('a goal and its tasks read as the behaviors know them, whatever happened', () => {
  fc.assert(
    fc.property(games(10, 120), ({ input, moves }: Game) => {
      const player = new GoalPlayer(input);
      for (const move of moves) player.play(move);
      const own = player.domain.stateOf<GoalState>('goal', player.goalId);
      const row = readModelOf(player).goals.get('default', player.goalId);
      const shown = [...(row?.tasks() ?? [])].map(({ planned, status, readyAt }) => [
        planned.key,
        status,
        status === 'pending' ? readyAt : undefined,
      ]);
      expect({ status: row?.status, run: row?.run, tasks: shown }).toEqual({
        status: own.status,
        run: own.run,
        tasks: known(own),
      });
    }),
    { numRuns: 200 },
  );
});
