import type { Address } from './address.ts';
import type { Epoch, Generation, Micros, Seq, Shard } from './brand.ts';
import type { StoredEvent } from './event.ts';

/**
 * The port to the event store: the only truth. Postgres implements it for production (kernel/postgres/), memory for
 * tests and simulation (kernel/memory/); one contract suite holds both.
 *
 * What it guarantees: a commit is all or nothing for each shard, and durable when it returns (I1); a shard's part is
 * written only under its epoch and right behind its previous seq (I2).
 *
 * Every method throws `AstraError`: `unavailable` when the store does not answer, `corrupt` when it answers nonsense.
 */
export interface Log {
  /** What was fixed when the database was initialised. */
  meta(): Promise<LogMeta>;

  /**
   * Claims free or expired shards (of `shards`, or of all there are; at most `most`) with epoch + 1, for a lease of
   * `leaseMs`. Each begins on probation; the rows say what of it the claim found.
   */
  claim(owner: string, leaseMs: number, shards?: readonly Shard[], most?: number): Promise<readonly ShardRow[]>;

  /**
   * Settles a commit of unknown outcome: claims these shards again with epoch + 1 where the epoch still is the one
   * given. It waits for a straggling commit, or fences it. Shards that somebody else took are absent from the answer.
   */
  reclaim(
    owner: string,
    leaseMs: number,
    held: readonly { shard: Shard; epoch: Epoch }[],
  ): Promise<readonly ShardRow[]>;

  /** Renews the leases of this owner, and notes that it lives. Returns the shards it still owns. */
  renew(owner: string, leaseMs: number): Promise<readonly Shard[]>;

  /** The owners that renewed within this span, by the store's clock; who began first comes first. */
  living(withinMs: number): Promise<readonly string[]>;

  /** Gives shards back: a clean release, which ends their probation. */
  release(owner: string, held: readonly { shard: Shard; epoch: Epoch }[]): Promise<void>;

  /** This owner counts as living no more, until it renews again. What it owns is its own still. */
  leave(owner: string): Promise<void>;

  /**
   * One group commit: each shard's part is written if its epoch and previous seq match, and not at all otherwise (I2).
   * Returns the shards that were written, and the database's clock.
   * Throws `rejected` / `data_refused` when Postgres refuses the data (SQLSTATE 22, 23, 54): nothing was written;
   * `indeterminate` when the connection died with the outcome unknown: settle it with {@link reclaim}.
   */
  commit(parts: readonly CommitPart[]): Promise<CommitOutcome>;

  /** The events of a shard with seq > `after`, at most up to `upTo`, in order, in pages. */
  read(shard: Shard, after: Seq, upTo?: Seq): AsyncIterable<readonly StoredEvent[]>;

  /**
   * These actors, each with its whole family, in one round trip: its snapshot, where one of the wanted version is there,
   * and the events behind it (all, where there is none), ordered by seq.
   */
  readActors(shard: Shard, actors: readonly ActorRange[]): Promise<ActorsRead>;

  /**
   * Writes snapshots of committed states under the shard's epoch, each upwards only (by seq), forgets those of actors that
   * have ended, and notes how far the shard's snapshots are whole. A cache: what is lost with the store's last moments is
   * no harm. `fenced` under another epoch, `deleted` when the shard's snapshots are gone: nothing was written then.
   */
  writeSnapshots(part: SnapshotPart): Promise<'written' | 'fenced' | 'deleted'>;

  /** Up to where the shard's snapshots are whole, as `writeSnapshots` noted it; undefined when they were deleted, or never begun. */
  snapshotsWholeTo(shard: Shard): Promise<Seq | undefined>;

  /** The actors whose snapshots are due in a span, or are due at all and of other versions than these; in order of `due`. */
  dueActors(shard: Shard, which: DueWithin | OtherVersions): Promise<readonly DueActor[]>;

  /** Which of these command ids are remembered on this shard and have not expired. */
  findCommands(shard: Shard, commandIds: readonly string[]): Promise<readonly RememberedCommand[]>;

  /** The heads and counters of these shards (of all, by default): what confirms channels and repairs projections. */
  heads(shards?: readonly Shard[]): Promise<readonly ShardRow[]>;

  /**
   * Raises the bus generation from `from` to `from + 1`. Of several that ask at once one has `raised` it, and makes the
   * streams of it; all are told the one in force.
   */
  raiseGeneration(from: Generation): Promise<{ readonly generation: Generation; readonly raised: boolean }>;

  /** The keys of these subjects, made where they are missing. In a transaction of its own, before their first use. */
  subjectKeys(org: string, subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>>;

  /** Keys by id, for reading; an erased one is absent. */
  keysById(kids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>>;

  close(): Promise<void>;
}

export interface LogMeta {
  readonly databaseId: string;
  readonly shards: number;
  readonly generation: Generation;
  readonly now: Micros;
}

/** A lane's position: what the last commit of its shard had consumed. */
export interface LanePosition {
  readonly generation: Generation;
  /** Sequence in stream CMD; 0 before the first message of a generation. */
  readonly sequence: number;
  /** Time of that message by the bus's clock, in nanoseconds as text (it does not fit a number); '0' at sequence 0. */
  readonly time: string;
}

/** A row of table `shards`: the one authority for ownership and progress. */
export interface ShardRow {
  readonly shard: Shard;
  readonly epoch: Epoch;
  readonly owner: string | null;
  readonly seq: Seq;
  readonly hash: Buffer;
  /** `at` of the last commit: time never goes back within a shard. */
  readonly at: Micros;
  readonly lane: LanePosition;
  /** By receiving shard: how many effects were recorded for it. */
  readonly sent: readonly number[];
  /** By sending shard: how many of its effects were taken. */
  readonly got: readonly number[];
  /** The least seq with an effect that its receiver has not confirmed; resending scans from there. */
  readonly unconfirmedSeq: Seq;
  /** EVT is published up to and including this seq. */
  readonly evtSeq: Seq;
  /** Up to and including this seq, everything that is still open began later or is in a snapshot. */
  readonly flushedSeq: Seq;
  /** In a claim's answer, as the claim found it. */
  readonly probation: Probation | null;
}

/**
 * What a shard's row knows of commands that may kill their process: there from every claim on until the owner has shown that
 * it lives, or given the shard back. Who claims a shard and finds it takes over from one that died early.
 */
export interface Probation {
  /** The input that is being tried, and is not committed; '' while none is known. */
  readonly trying: string;
  /** How often it was. */
  readonly tries: number;
}

/** One shard's part of a group commit. A part without events only moves the lane and the counters. */
export interface CommitPart {
  readonly shard: Shard;
  readonly epoch: Epoch;
  readonly previousSeq: Seq;
  readonly seq: Seq;
  readonly hash: Buffer;
  readonly at: Micros;
  readonly lane: LanePosition;
  /** The whole counters, or null when they did not change. */
  readonly sent: readonly number[] | null;
  readonly got: readonly number[] | null;
  readonly unconfirmedSeq: Seq;
  readonly evtSeq: Seq;
  readonly flushedSeq: Seq;
  readonly probation: Probation | null;
  readonly events: readonly StoredEvent[];
  /** Keyed commands that create nothing. */
  readonly commands: readonly RememberedCommand[];
}

export interface RememberedCommand {
  readonly commandId: string;
  readonly fingerprint: string;
  readonly actor: Address;
  /** Seq of its first event, or of the shard's last one when it had none. */
  readonly seq: Seq;
  readonly expiresAt: Micros;
}

export interface CommitOutcome {
  readonly written: ReadonlySet<Shard>;
  /** The database's `clock_timestamp()`. */
  readonly now: Micros;
}

/** An actor to load; with `family`, everything under its key prefix (a goal and its tasks). */
export interface ActorRange {
  readonly org: string;
  readonly key: Buffer;
  readonly family: boolean;
  /** The snapshot that may stand for its first events; without, all of them are read. */
  readonly snapshot?: { readonly actorType: string; readonly behaviorVersion: number };
}

export interface ActorsRead {
  readonly snapshots: readonly StoredSnapshot[];
  readonly events: readonly StoredEvent[];
}

/** The state of an actor, with its family, as of one of its events: a cache of the fold (I5). */
export interface StoredSnapshot {
  readonly org: string;
  readonly actorType: string;
  readonly actorKey: Buffer;
  /** Version of the head's last event in it. */
  readonly version: number;
  /** Seq of the last event in it, of the head or of a member. */
  readonly seq: Seq;
  /** A snapshot of another one is ignored. */
  readonly behaviorVersion: number;
  /** When it has to be in memory next: its next timer, 0 while it has work; null when nothing of it waits for a time. */
  readonly due: Micros | null;
  /** What the codec made of it: personal data is ciphertext. */
  readonly state: Buffer;
}

/** Snapshots of one shard that are written together. */
export interface SnapshotPart {
  readonly shard: Shard;
  readonly epoch: Epoch;
  /** Up to here, everything that is open is in a snapshot that was written before. */
  readonly wholeTo: Seq;
  /** The first ones since everything open was folded from the log: there may be none of the shard. */
  readonly begins: boolean;
  readonly snapshots: readonly StoredSnapshot[];
  readonly ended: readonly Pick<StoredSnapshot, 'org' | 'actorType' | 'actorKey' | 'seq'>[];
}

export type DueActor = Pick<StoredSnapshot, 'org' | 'actorType' | 'actorKey'> & { readonly due: Micros };

/** `after` < due ≤ `upTo`. */
export interface DueWithin {
  readonly after: Micros;
  readonly upTo: Micros;
}

/** By actor type: the version whose snapshots are not meant. */
export interface OtherVersions {
  readonly than: ReadonlyMap<string, number>;
}

/** A subject's data key: AES-256-GCM. */
export interface SubjectKey {
  readonly kid: string;
  readonly key: Buffer;
}
