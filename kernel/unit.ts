import type { Address } from './address.ts';
import type { WorkRoute } from './behavior.ts';
import type { Micros, Position, Seq, Shard } from './brand.ts';
import type { Envelope, Json, Reply } from './envelope.ts';
import type { RecordedEffect } from './event.ts';
import type { LanePosition, Probation, RememberedCommand, ShardRow } from './log.ts';

/**
 * A unit: one input of a shard (a message of its lane, an effect from a channel, or a command of this process) with all
 * that it came to within the shard. Units are committed whole and in order; what they release, they release behind the
 * commit (I1).
 */
export interface Unit {
  readonly source: Source;
  readonly events: DraftEvent[];
  /** Bytes of the events' bodies. */
  bytes: number;
  readonly answers: Answer[];
  /** Redirected commands: put on their lanes. */
  readonly forwards: Envelope[];
  /** Keyed commands to remember. */
  readonly commands: RememberedCommand[];
  readonly offers: Offer[];
  readonly notices: Notice[];
  /** Set on one that only says that its input is tried next, and moves nothing. */
  readonly probation?: Probation;
  /** The shard as of the end of this unit. */
  marks: Marks;
}

/** A unit before anything is decided in it; its marks come with its end. */
export const emptyUnit = (source: Source): Unit => ({
  source,
  events: [],
  bytes: 0,
  answers: [],
  forwards: [],
  commands: [],
  offers: [],
  notices: [],
  marks: undefined as unknown as Marks,
});

/** Where a unit came from; its text names the input when it has to be parked. What fails as one of several is tried alone first. */
export type Source =
  | { readonly kind: 'lane'; readonly position: LanePosition; readonly isSeveral?: boolean }
  /** `sequence` is its place in stream CHAN; what a shard sends itself has none. */
  | { readonly kind: 'channel'; readonly from: Shard; readonly n: number; readonly sequence?: number }
  | { readonly kind: 'local'; readonly envelope: Envelope; readonly isSeveral?: boolean };

export function sourceName(of: Source): string {
  if (of.kind === 'lane') return `lane/${of.position.generation}/${of.position.sequence}`;
  if (of.kind === 'channel') return `channel/${of.from}/${of.n}`;
  // A command of this process is derived again under another id: the same is what asks the same of the same actor.
  const { to, verb, body } = of.envelope;
  return `local/${to.org}/${to.type}/${to.id}/${verb}/${JSON.stringify(body)}`;
}

/** An event that is decided but not yet hashed: epoch, commit seq and hash come with the batch. */
export interface DraftEvent {
  readonly seq: Seq;
  readonly actor: Address;
  readonly actorKey: Buffer;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly at: Micros;
  readonly data: object;
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId: Position | undefined;
  readonly principal: string;
  readonly traceparent: string | undefined;
  readonly effects: readonly RecordedEffect[];
  readonly body: Buffer;
}

export interface Answer {
  readonly replyTo: string;
  readonly reply: Reply | readonly Reply[];
}

/** An attempt for WORK. */
export interface Offer {
  readonly actor: Address;
  readonly route: WorkRoute;
  readonly priority: number;
  readonly since: Micros;
  readonly attempt: number;
  readonly payload: Json;
}

/** Something a worker is told: to stop an attempt, or a signal. */
export type Notice =
  | {
      readonly kind: 'stop';
      readonly org: string;
      readonly worker: string;
      readonly actor: string;
      readonly attempt: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'signal';
      readonly org: string;
      readonly worker: string;
      readonly actor: string;
      readonly attempt: number;
      readonly name: string;
      readonly payload: Json;
    };

/** A shard's progress: what a commit advances. */
export interface Marks {
  readonly seq: Seq;
  readonly at: Micros;
  readonly lane: LanePosition;
  readonly sent: readonly number[];
  readonly got: readonly number[];
}

/** What a shard is committed up to. */
export interface Committed extends Marks {
  readonly hash: Buffer;
  readonly flushedSeq: Seq;
}

export const committedOf = ({ seq, at, lane, sent, got, hash, flushedSeq }: ShardRow): Committed => ({
  seq,
  at,
  lane,
  sent,
  got,
  hash,
  flushedSeq,
});
