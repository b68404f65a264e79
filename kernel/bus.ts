import type { Epoch, Generation, Seq, Shard } from './brand.ts';
import type { Envelope, Reply } from './envelope.ts';
import type { LanePosition } from './log.ts';

/**
 * The port to messaging. NATS JetStream implements it for production (kernel/nats/), memory for tests and simulation
 * (kernel/memory/); one contract suite holds both. It may forget everything at any moment (I7): nothing that matters
 * exists only here.
 *
 * Publishing methods resolve when the bus has stored the message, and throw `AstraError` `unavailable` (the bus does
 * not answer), `overloaded` (a stream is at its bound) or `rejected` / `message_too_large`.
 * Order: messages published to one lane or channel by one caller, without awaiting between, arrive in that order.
 */
export interface Bus {
  /** The bound of one message, in bytes, as the server announces it. */
  readonly messageBytesMax: number;

  /** Makes the first generation's streams where they are missing, and says whether the bus still knows what the log has consumed. */
  inspect(generation: Generation, lanes: ReadonlyMap<Shard, LanePosition>): Promise<BusState>;

  /**
   * Re-creates every stream, empty, with this generation, and with sequences beyond all that were seen so far. Throws
   * `unavailable` where there is a later one already.
   */
  recreate(generation: Generation, beyondSequence: number): Promise<void>;

  /** Calls back on every loss of the connection and on every return of it. */
  onConnection(listener: (state: 'lost' | 'back') => void): void;

  /** A shard's lane: every command after `from`, in order, without a hole. `deliver` may return a promise to slow it down. */
  openLane(
    shard: Shard,
    from: LanePosition,
    deliver: (message: LaneMessage) => void | Promise<void>,
  ): Promise<Subscription>;

  /** All channels to a shard, in order for each sender, from the oldest that the bus holds. */
  openChannels(to: Shard, deliver: (message: ChannelMessage) => void | Promise<void>): Promise<Subscription>;

  /** A command for an actor's lane. */
  sendCommand(shard: Shard, envelope: Envelope): Promise<void>;

  /** One effect on its channel. Sent without waiting for the one before it. */
  sendChannel(to: Shard, from: Shard, n: number, envelope: Uint8Array): Promise<void>;

  /** Forgets what a lane and its channels hold below these stream sequences (each exclusive). */
  purge(shard: Shard, laneBelow: number, channelsBelow: number): Promise<void>;

  /** Answers a caller. Best effort: who does not hear it asks again. */
  reply(subject: string, replies: Reply | readonly Reply[]): void;

  /** An attempt, or several, for a pool; makes the durable of that exact subject first. */
  sendWork(offer: WorkOffer): Promise<void>;

  /** A commit of one shard, for projections. Best effort: heads repair what is lost. */
  sendLog(shard: Shard, commit: Uint8Array): void;

  /** The events of one actor (a goal: with its tasks) in one commit, JSON, for outside. */
  sendEvents(events: EventMessage): Promise<void>;

  /** The heads of the shards that this process owns. */
  sendHeads(heads: readonly Head[]): void;

  /** What a kernel process shows of itself, for `/v1/stats`: every second, best effort. */
  sendStats(owner: string, stats: object): void;

  /** Heads announced by anybody. */
  onHeads(listener: (heads: readonly Head[]) => void): Promise<Subscription>;

  /** Workers' heartbeats, `astra.hb.<org>.<workerId>`, raw. */
  onHeartbeat(listener: (org: string, worker: string, payload: Uint8Array) => void): Promise<Subscription>;

  /** Tells a worker which shards answer and what to stop: `astra.ctl.<org>.<workerId>`. */
  sendControl(org: string, worker: string, payload: Uint8Array): void;

  /** Publications from outside, in stream order, one at a time for each key; acked when `handle` resolves. */
  openIngress(handle: (publication: Publication) => Promise<void>): Promise<Subscription>;

  close(): Promise<void>;
}

/** `level`: go on. `forgot`: wiped, rolled back or of another generation; raise the generation and re-create. */
export interface BusState {
  readonly state: 'level' | 'forgot';
  /** Why, for the log. */
  readonly reason?: string;
  /** The highest sequence that any stream has reached. */
  readonly highestSequence: number;
}

export interface Subscription {
  /** Stops delivery; resolves when no callback will come any more. */
  stop(): Promise<void>;
}

export interface LaneMessage {
  readonly position: LanePosition;
  /** One command, or several that are decided one by one and answered together. */
  readonly entries: readonly LaneEntry[];
  /** Where the answers of a batch go together; a single command has its own in the envelope. */
  readonly replyTo?: string;
  readonly bytes: number;
}

/** A command, or what came instead of one: it is parked with its reason. */
export type LaneEntry =
  | { readonly ok: true; readonly envelope: Envelope }
  | {
      readonly ok: false;
      readonly reason: string;
      readonly org: string;
      readonly payload: Uint8Array;
      /** Where the answer of a single one goes. */
      readonly replyTo?: string;
    };

export interface ChannelMessage {
  readonly from: Shard;
  readonly n: number;
  readonly envelope: Uint8Array;
  /** Sequence in stream CHAN, for purging. */
  readonly sequence: number;
}

export interface WorkOffer {
  readonly org: string;
  readonly pool: string;
  readonly type: string;
  /** `high` 0–2, `normal` 3–6, `low` 7–9. */
  readonly lane: 'high' | 'normal' | 'low';
  /** `<shard>:<epoch>:<counter>` */
  readonly messageId: string;
  readonly payload: Uint8Array;
}

export interface EventMessage {
  readonly org: string;
  readonly actorType: string;
  readonly actorId: string;
  readonly types: readonly string[];
  readonly generation: Generation;
  /** `<shard>:<commit seq>:<actor>`: the same for a message that is sent again. */
  readonly messageId: string;
  readonly payload: Uint8Array;
}

export interface Head {
  readonly shard: Shard;
  readonly epoch: Epoch;
  readonly seq: Seq;
  /** Hex. */
  readonly hash: string;
}

/** A message on `astra.in.<org>.<verb…>`. */
export interface Publication {
  readonly org: string;
  /** The subject's rest after the org: `goal.submit`, `goal.cancel.gl_…`. */
  readonly verb: string;
  readonly contentType: string;
  readonly payload: Uint8Array;
  readonly idempotencyKey?: string;
  readonly replyTo?: string;
  readonly traceparent?: string;
  readonly generation: Generation;
  readonly sequence: number;
  /** True when it may have been forwarded before. */
  readonly redelivered: boolean;
}
