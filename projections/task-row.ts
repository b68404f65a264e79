import type { PlannedTask } from '../actors/goal/plan.ts';
import type { Artifact, TaskError, TaskEvent, TaskStatus } from '../actors/task/events.ts';
import type { Micros, Seq, Shard } from '../kernel/brand.ts';
import type { Json } from '../kernel/envelope.ts';
import type { GoalRow } from './goal-row.ts';
import type { Ordered } from './ordered-index.ts';
import type { PoolLoad } from './pool-load.ts';

/** In the order of a task's life; counts are kept by place in it. */
export const taskStatuses: readonly TaskStatus[] = [
  'created',
  'pending',
  'queued',
  'running',
  'failed',
  'completed',
  'dead_letter',
  'cancelled',
];

/** One event of a task, for its timeline, or what made it ready. Newest first: a list of them needs no array. */
export interface Transition {
  readonly type: TaskEvent['type'] | 'TaskReady';
  readonly status: TaskStatus;
  readonly at: Micros;
  readonly seq: Seq;
  readonly attempt: number;
  readonly worker: string | undefined;
  readonly traceparent: string | undefined;
  previous: Transition | undefined;
}

/** Tasks that one event created: those of a plan, or the planning task alone. They share its time and position. */
export interface TaskBatch extends Ordered {
  readonly org: string;
  /** The goal's id, or the planning task's. */
  readonly id: string;
  readonly goal: GoalRow;
  readonly createdAt: Micros;
  readonly shard: Shard;
  readonly seq: Seq;
  /** By ordinal, newest last. */
  readonly tasks: TaskRow[];
  /** How many are in each status, in the order of {@link taskStatuses}. */
  readonly counts: number[];
  /** Workers that have held one of them. */
  readonly workers: string[];
}

/** A task in memory. */
export class TaskRow implements Ordered {
  readonly batch: TaskBatch;
  readonly ordinal: number;
  readonly planned: PlannedTask;
  pool: PoolLoad;
  status: TaskStatus = 'created';
  run = 1;
  attempt = 0;
  /** Dependencies that are not settled well yet. */
  waiting: number;
  readyAt: Micros | undefined = undefined;
  worker: string | undefined = undefined;
  result: Json | undefined = undefined;
  /** About what the result takes, as stored. */
  resultBytes = 0;
  /** It ended in a way that lets its dependants run. */
  isSettledWell = false;
  error: TaskError | undefined = undefined;
  artifacts: readonly Artifact[] | undefined = undefined;
  culprit: string | undefined = undefined;
  retryAt: Micros | undefined = undefined;
  progress: { readonly fraction?: number; readonly note?: string } | undefined = undefined;
  lastSeq: Seq;
  last: Transition | undefined = undefined;
  transitions = 0;

  constructor(batch: TaskBatch, ordinal: number, planned: PlannedTask, pool: PoolLoad) {
    this.batch = batch;
    this.ordinal = ordinal;
    this.planned = planned;
    this.pool = pool;
    this.waiting = planned.dependsOn.length;
    this.lastSeq = batch.seq;
  }

  get createdAt(): Micros {
    return this.batch.createdAt;
  }

  get shard(): Shard {
    return this.batch.shard;
  }

  get seq(): Seq {
    return this.batch.seq;
  }

  get goal(): GoalRow {
    return this.batch.goal;
  }

  get id(): string {
    return `${this.batch.goal.id}.${this.planned.key}`;
  }
}
