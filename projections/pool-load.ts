import type { TaskStatus } from '../actors/task/events.ts';

/** How much of a pool's work is where. */
export class PoolLoad {
  readonly pool: string;
  pending = 0;
  queued = 0;
  running = 0;

  constructor(pool: string) {
    this.pool = pool;
  }

  /** `by` more tasks are in this status. */
  shift(status: TaskStatus, by: number): void {
    if (status === 'pending') this.pending += by;
    else if (status === 'queued') this.queued += by;
    else if (status === 'running') this.running += by;
  }
}
