import type { Address } from './address.ts';
import type { Epoch, Micros, Position, Seq, Shard } from './brand.ts';
import type { Envelope, Json } from './envelope.ts';

/** The command that made a decision, kept with the first event of it so that it can be decided again. */
export interface RecordedCommand {
  readonly verb: string;
  readonly principal: string;
  /** Whole up to {@link recordedBodyBytesMax}; above that its SHA-256, hex. */
  readonly body?: Json;
  readonly sha256?: string;
}

/** A message to another shard (or, after a cut, to its own), recorded with its event (I4). */
export interface RecordedEffect {
  readonly to: Shard;
  /** Dense for each pair of shards: 1, 2, 3 … */
  readonly n: number;
  readonly envelope: Envelope;
}

/** An event as it is read back: names, plain values; personal fields opened, or `erased`. */
export interface EventRecord {
  readonly shard: Shard;
  readonly seq: Seq;
  readonly epoch: Epoch;
  /** Seq of the last event of the commit this one belongs to: who holds that one holds the whole commit. */
  readonly commitSeq: Seq;
  readonly actor: Address;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly at: Micros;
  readonly data: Json;
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId?: Position;
  readonly principal: string;
  readonly traceparent?: string;
  readonly command?: RecordedCommand;
  readonly effects?: readonly RecordedEffect[];
  /** Whose personal data was sealed in it, by key id. */
  readonly kid?: string;
}

/** What states and read models see of an event: what happened, to whom and when. */
export type EventOutline = Pick<EventRecord, 'shard' | 'seq' | 'actor' | 'type' | 'at' | 'data'> & {
  readonly traceparent?: string | undefined;
  /** The key that its personal fields are sealed with. */
  readonly kid?: string | undefined;
};

/** An event as it is stored, sent on LOG and hashed: names of dictionary entries, body as bytes. */
export interface StoredEvent {
  readonly shard: Shard;
  readonly seq: Seq;
  readonly epoch: Epoch;
  readonly commitSeq: Seq;
  readonly org: string;
  readonly actorType: string;
  /** The binary key of the actor. */
  readonly actorKey: Buffer;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly at: Micros;
  /** One plain msgpack value. */
  readonly body: Buffer;
  readonly hash: Buffer;
}
