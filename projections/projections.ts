import type { Position } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { EventShapes } from '../kernel/codec.ts';
import type { CommitTail } from '../kernel/edge.ts';
import type { Log } from '../kernel/log.ts';
import { agents } from './agents.ts';
import { Engine, type ProjectionProblem } from './engine.ts';
import type { EngineStatus } from './engine-status.ts';
import { KernelFigures } from './kernel-figures.ts';
import { RunningProjection } from './projection.ts';
import { type Reads, readsOf } from './reads.ts';
import { work } from './work.ts';
import { workBounds } from './work-state.ts';
import { workers } from './workers.ts';

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

/**
 * Starts the read models. It returns at once: reads answer from the first event on, `level` tells when they are complete.
 * Nothing that fails outside ends it: it says so with `onProblem` and tries again.
 */
export function startProjections(options: ProjectionsOptions): Projections {
  const { log, tail, clock, shapes, onProblem, onProgress } = options;
  const ofAgents = new RunningProjection(agents);
  const ofWorkers = new RunningProjection(workers);
  const ofWork = new RunningProjection(
    work({
      endedTasksMax: options.endedTasksMax ?? workBounds.endedTasksMax,
      endedBytesMax: options.endedBytesMax ?? workBounds.endedBytesMax,
    }),
  );
  const kernels = new KernelFigures(clock);
  const projections = [ofAgents, ofWork, ofWorkers];
  const onStats = kernels.hear;
  const engine = new Engine({ log, tail, clock, shapes, projections, onStats, onProblem, onProgress });
  engine.start();
  return {
    reads: readsOf({
      agents: ofAgents.state,
      work: ofWork.state,
      workers: ofWorkers.state,
      now: () => clock.now(),
      status: () => engine.status(),
      kernels: () => kernels.views(),
    }),
    status: () => engine.status(),
    level: engine.level,
    waitFor: (position, waitMs) => engine.waitFor(position, waitMs),
    stop: () => engine.stop(),
  };
}
