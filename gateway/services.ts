import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Projections } from '../projections/index.ts';
import type { Commands } from './commands.ts';
import type { EventStream } from './event-stream.ts';
import type { Metrics } from './metrics.ts';
import type { ArtifactSource, GatewayLog, TaskOutputSource } from './ports.ts';
import type { Readiness } from './readiness.ts';

/** What handlers work with. */
export interface Services {
  readonly projections: Projections;
  readonly commands: Commands;
  readonly artifacts: ArtifactSource;
  /** Of tasks. */
  readonly output: TaskOutputSource;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** Streams that are open. */
  readonly streams: Set<EventStream>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: GatewayLog;
}
