import type { GoalEvent } from '../actors/goal/events.ts';
import type { TaskEvent } from '../actors/task/events.ts';
import type { EventOutline } from '../kernel/event.ts';
import { foldGoal } from './goal-fold.ts';
import type { Projection } from './projection.ts';
import { foldTask } from './task-fold.ts';
import { batchIndexes, goalIndexes, type WorkBounds, WorkState } from './work-state.ts';

/** An event of one type's vocabulary, with what the kernel recorded beside it. */
export type Recorded<E extends { type: string; data: object }> = Omit<EventOutline, 'type' | 'data'> & E;

/** Goals with their tasks, and dead letters: what belongs together leaves memory together. */
export const work = (bounds: WorkBounds): Projection<WorkState> => ({
  name: 'work',
  version: 1,
  indexes: [...new Set([...Object.keys(goalIndexes), ...Object.keys(batchIndexes)])],

  initial: () => new WorkState(bounds),

  apply(state, record, bytes) {
    switch (record.actor.type) {
      case 'task':
        foldTask(state, record as unknown as Recorded<TaskEvent>, bytes);
        break;
      case 'goal':
        foldGoal(state, record as unknown as Recorded<GoalEvent>, bytes);
        break;
      case 'dead-letter':
        state.deadLetters.apply(record);
    }
  },

  adopt(state, rebuilt, shard) {
    state.adopt(rebuilt, shard);
  },
});
