import type { Position, Shard } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { EventShapes } from '../kernel/codec.ts';
import type { CommitTail } from '../kernel/edge.ts';
import type { Log } from '../kernel/log.ts';
import type { EngineStatus } from './engine-status.ts';
import type { Reads } from './reads.ts';

export interface ProjectionsOptions {
  readonly log: Pick<Log, 'meta' | 'heads' | 'read' | 'keysById'>;
  readonly tail: CommitTail;
  readonly clock: Clock;
  /** Id formats and personal fields: the kernel's `Registry` of all behaviors. */
  readonly shapes: EventShapes;
  /** Something that an operator should know: a part that does not answer, a shard that is rebuilt. */
  readonly onProblem: (problem: ProjectionProblem) => void;
  /** Told while the log is scanned on start. */
  readonly onProgress?: (status: EngineStatus) => void;
  /** Bounds of what stays in memory; by default those of bounds.ts. */
  readonly endedTasksMax?: number;
  readonly endedBytesMax?: number;
}

export interface ProjectionProblem {
  readonly code: 'log_unavailable' | 'tail_unavailable' | 'shard_rebuilt' | 'shard_rebuilding' | 'event_refused';
  readonly detail: string;
  readonly shard?: Shard;
  readonly cause?: unknown;
}

/** The read models, kept level with the log. */
export interface Projections {
  readonly reads: Reads;
  readonly status: () => EngineStatus;
  /** Resolves when the heads seen at the start are reached (see {@link EngineStatus.level}). */
  readonly level: Promise<void>;
  /**
   * Waits until reads reflect this position, at most `waitMs`.
   * `timeout`: not within that time; `refused`: too many wait already; `unknown`: it is no position of this database.
   */
  waitFor(position: Position | string, waitMs: number): Promise<'applied' | 'timeout' | 'refused' | 'unknown'>;
  stop(): Promise<void>;
}
