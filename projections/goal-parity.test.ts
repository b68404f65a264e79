import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { GoalState } from '../actors/goal/state.ts';
import type { TaskStatus } from '../actors/task/events.ts';
import { type Game, games } from '../actors/testing/arbitraries.ts';
import { GoalPlayer } from '../actors/testing/goal-player.ts';
import { type Shard, seq } from '../kernel/brand.ts';
import { work } from './work.ts';
import { type WorkState, workBounds } from './work-state.ts';

/** The read model of what a domain has recorded so far. */
class ReadModel {
  readonly state: WorkState;
  readonly #projection = work(workBounds);
  #seen = 0;

  constructor() {
    this.state = this.#projection.initial();
  }

  catchUp({ domain }: GoalPlayer): void {
    for (const event of domain.events.slice(this.#seen)) {
      const at = { shard: 0 as Shard, epoch: 1 as never, commitSeq: seq(event.seq), schema: 1 };
      const by = { commandId: 'c', correlationId: 'c', principal: 'kernel' };
      this.#projection.apply(this.state, { ...event, ...at, ...by, data: event.data as never }, 100);
    }
    this.#seen = domain.events.length;
  }
}

/** When it became ready matters while it waits for its turn. */
const shownAs = (key: string, status: TaskStatus, readyAt: number | undefined) => [
  key,
  status,
  status === 'pending' ? readyAt : undefined,
];

/** Each task as its goal's own graph has it. */
const known = ({ graph, planning }: GoalState) =>
  [...(planning ? [planning] : []), ...(graph?.nodes.values() ?? [])].map(({ task, status, readyAt }) =>
    shownAs(task.key, status, readyAt),
  );

it('a goal and its tasks read as the behaviors know them, at every step of whatever happens', () => {
  fc.assert(
    fc.property(games(8, 120), ({ input, moves }: Game) => {
      const player = new GoalPlayer(input);
      const model = new ReadModel();
      for (const move of moves) {
        player.play(move);
        model.catchUp(player);
        const own = player.domain.stateOf<GoalState>('goal', player.goalId);
        const row = model.state.goals.get('default', player.goalId);
        const shown = [...(row?.tasks() ?? [])].map(({ planned, status, readyAt }) =>
          shownAs(planned.key, status, readyAt),
        );
        expect({ status: row?.status, run: row?.run, tasks: shown }).toEqual({
          status: own.status,
          run: own.run,
          tasks: known(own),
        });
      }
    }),
    { numRuns: 100 },
  );
});
