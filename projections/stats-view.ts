import type { AgentStatus } from '../actors/agent/events.ts';
import type { GoalStatus } from '../actors/goal/events.ts';
import type { WorkerStatus } from '../actors/worker/events.ts';
import type { TaskCounts } from './goal-view.ts';

/** Milliseconds. */
export interface LatencyView {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** `GET /v1/stats`, of one org; lag is of this gateway. */
export interface StatsView {
  readonly at: string;
  readonly agents: { readonly [status in AgentStatus]: number };
  /** Since the beginning: what has left memory is counted. */
  readonly goals: { readonly [status in GoalStatus]: number };
  /** Since the beginning: what has left memory is counted. */
  readonly tasks: TaskCounts;
  readonly workers: { readonly [status in WorkerStatus]: number };
  readonly deadLetters: number;
  /** What rates and latencies look back on. */
  readonly windowMs: number;
  /** A second, averaged over the window (or what of it has passed since the first event seen). */
  readonly rates: {
    readonly goalsSubmitted: number;
    readonly goalsFinished: number;
    readonly tasksQueued: number;
    readonly tasksFinished: number;
    readonly attemptsFailed: number;
  };
  readonly latencies: {
    /** Task ready → queued. */
    readonly scheduling: LatencyView;
    /** Task queued → started. */
    readonly pickup: LatencyView;
    /** Task started → completed. */
    readonly execution: LatencyView;
    /** Goal submitted → ended. */
    readonly endToEnd: LatencyView;
  };
  readonly pools: readonly PoolView[];
  /** What the kernel processes show of themselves, for all orgs together; those heard of within the last seconds. */
  readonly kernels: readonly KernelView[];
  readonly projection: ProjectionLagView;
}

export interface KernelView {
  readonly id: string;
  readonly shards: number;
  /** Since its start. */
  readonly commits: number;
  readonly events: number;
  /** Task ready → its offer acknowledged by the bus, since its start. */
  readonly schedulingMs: LatencyView;
}

export interface PoolView {
  readonly pool: string;
  /** Ready, not yet offered. */
  readonly pending: number;
  readonly queued: number;
  readonly running: number;
  /** Of live workers. */
  readonly slots: number;
}

export interface ProjectionLagView {
  /** Events known to be committed and not applied yet. */
  readonly behind: number;
  /** Only shards that are behind. */
  readonly shards: readonly { readonly shard: number; readonly behind: number }[];
}
