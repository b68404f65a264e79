import type { Address } from './address.ts';
import type { Background } from './background.ts';
import type { WorkRoute } from './behavior.ts';
import type { Generation, Shard } from './brand.ts';
import type { Bus } from './bus.ts';
import type { Trials } from './careful.ts';
import type { Clock } from './clock.ts';
import type { Problem } from './errors.ts';
import type { Load } from './inbox.ts';
import type { Log } from './log.ts';
import type { Random } from './random.ts';
import type { Registry } from './registry.ts';
import type { ShardRuntime } from './shard.ts';
import type { TimerWheel } from './timers.ts';
import type { Offer } from './unit.ts';
import type { WorkBoard } from './wants.ts';

/** What the shards of one kernel process share: its ports, its wheel, its boards, and its ways to tell. */
export interface Kit {
  readonly owner: string;
  readonly shards: number;
  readonly registry: Registry;
  readonly log: Log;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly board: WorkBoard;
  readonly trials: Trials;
  readonly load: Load;
  readonly background: Background;
  readonly idempotencyDays: number;
  /** The live workers of an org that may take work of this route; undefined while nobody can know. */
  readonly serving: (org: string, route: WorkRoute) => readonly string[] | undefined;
  readonly generation: () => Generation;
  /** Set while it is not known whether the bus still is the one that was read; resolves when it is. */
  readonly gate: () => Promise<void> | undefined;
  /** Whose events are published on EVT. */
  readonly eventsFor: (org: string) => boolean;
  /** A shard has units for the writer. */
  readonly poke: (shard: ShardRuntime) => void;
  /** Resolves when no commit of this shard is under way. */
  readonly settled: (shard: ShardRuntime) => Promise<void>;
  /** Sends WORK for an attempt that was offered before. */
  readonly offerAgain: (shard: ShardRuntime, offer: Offer) => void;
  readonly onParked: (shard: Shard, id: string, problem: Problem) => void;
  readonly onSuspended: (of: Address, supervision: string) => void;
  /** An input could not even be parked: it is answered, and gone. */
  readonly onGivenUp: (shard: Shard, input: string, problem: Problem) => void;
  /** What operators should see. */
  readonly onTrouble: (message: string, cause: unknown) => void;
  /** A shard folds its memory again, because of this. */
  readonly onReset: (shard: Shard, cause: unknown) => void;
}
