import type { Clock } from '../kernel/clock.ts';
import type { WorkerLink } from '../kernel/edge.ts';
import type { Random } from '../kernel/random.ts';
import type { ArtifactStore } from './artifacts.ts';
import type { Driver } from './driver.ts';
import type { Handler } from './handler.ts';
import type { NetworkPolicy } from './network-policy.ts';
import type { WorkerLog } from './worker-log.ts';

export interface WorkerOptions {
  readonly link: WorkerLink;
  readonly org: string;
  /** `wk_…` */
  readonly workerId: string;
  readonly pools: readonly string[];
  /** Attempts that run at once. */
  readonly slots: number;
  /** Of the types it could run, those it shall; all by default. */
  readonly types?: readonly string[];
  /** The first that runs commands serves `shell`, the first that runs functions serves `js`. The worker closes them. */
  readonly drivers: readonly Driver[];
  /** Beside the built-in ones, or in their place. */
  readonly handlers?: readonly Handler[];
  readonly artifacts: ArtifactStore;
  /** What `http` may reach; public addresses by default. */
  readonly network?: NetworkPolicy;
  readonly log: WorkerLog;
  readonly clock: Clock;
  readonly random: Random;
  /** For people who list workers. */
  readonly host: string;
  readonly version: string;
}

/** A worker at work. */
export interface RunningWorker {
  readonly workerId: string;
  /** One life of this process. */
  readonly incarnation: string;
  /** Task types it runs. */
  readonly types: readonly string[];
  /** Resolves when the kernel knows it. */
  readonly registered: Promise<void>;
  /** Takes no more, finishes what runs, reports it, and leaves. */
  drain(reason?: string): Promise<void>;
  /** Takes no more and leaves: what still runs after `graceMs` is stopped and given back. */
  stop(options?: { readonly graceMs?: number; readonly reason?: string }): Promise<void>;
  /** Resolves when it has left, however that came. */
  readonly left: Promise<void>;
  /** Whether it left because it was to: everything it had is done. */
  readonly hasDrained: boolean;
  stats(): WorkerStats;
}

export interface WorkerStats {
  readonly slots: number;
  readonly running: number;
  /** Attempts at hand that wait for a slot. */
  readonly waiting: number;
  /** Commands without an answer. */
  readonly unanswered: number;
  readonly claimed: number;
  readonly declined: number;
  readonly refused: number;
  readonly completed: number;
  readonly failed: number;
  readonly stopped: number;
  /** Claims and reports that came too late, or that the task refused. */
  readonly fenced: number;
}
