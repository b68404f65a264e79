import type { Seq, Shard } from '../kernel/brand.ts';

/**
 * `scanning`: the first read of the log is not done. `level`: it has reached the last head that is known. `behind`: it has
 * not. `rebuilding`: what was applied is not what the log holds now; it is folded again beside what is served.
 */
export type ShardState = 'scanning' | 'level' | 'behind' | 'rebuilding';

export interface ShardStatus {
  readonly shard: Shard;
  readonly state: ShardState;
  readonly applied: Seq;
  /** The highest seq that is known to be committed. */
  readonly head: Seq;
}

export interface EngineStatus {
  /** It has reached the heads that it saw at its start, and rebuilds nothing: readiness. */
  readonly level: boolean;
  /** Share of the first scan that is done, 0 … 1. */
  readonly scanned: number;
  /** Events applied since the start. */
  readonly applied: number;
  /** Events known to be committed and not applied yet. */
  readonly behind: number;
  /** Whether the bus is connected, as far as it was told. */
  readonly connected: boolean;
  /** Why Postgres could not be read the last time; absent when it could. */
  readonly logProblem?: string;
  readonly shards: readonly ShardStatus[];
}
