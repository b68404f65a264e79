import { goalStatuses } from './goal-row.ts';
import { taskStatuses } from './task-row.ts';

/**
 * What an org has had in one shard since the beginning, by status: it counts on when goals leave memory, and is replaced
 * with its shard when that is rebuilt.
 */
export interface Totals {
  /** In the order of {@link goalStatuses}. */
  goals: number[];
  /** In the order of {@link taskStatuses}; planning tasks are not counted. */
  tasks: number[];
}

export const emptyTotals = (): Totals => ({
  goals: goalStatuses.map(() => 0),
  tasks: taskStatuses.map(() => 0),
});
