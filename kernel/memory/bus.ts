import { type Generation, generation, type Shard } from '../brand.ts';
import type {
  Bus,
  BusState,
  ChannelMessage,
  EventMessage,
  Head,
  LaneEntry,
  LaneMessage,
  Publication,
  Subscription,
  WorkOffer,
} from '../bus.ts';
import type { Clock } from '../clock.ts';
import type { Envelope, Json, Reply } from '../envelope.ts';
import { AstraError } from '../errors.ts';
import type { LanePosition } from '../log.ts';
import { publicationKey } from '../publication-key.ts';
import { workerMessage } from '../worker-batch.ts';
import { Readers } from './readers.ts';

/** What the bus calls before it carries a message: true loses it. */
export type Loss = (kind: 'channel' | 'log' | 'work' | 'reply' | 'event' | 'heads', to: number | string) => boolean;

interface StoredCommand {
  readonly sequence: number;
  readonly time: string;
  readonly entries: readonly LaneEntry[];
  readonly replyTo?: string;
  readonly bytes: number;
}

interface StoredEffect extends ChannelMessage {
  readonly to: Shard;
}

/** What a message costs beside its body, as far as bounds are concerned. */
const messageOverheadBytes = 256;

/** Before a publication that could not be handled comes again. */
const ingressRetryMs = 5;

export interface MemoryBusOptions {
  readonly messageBytesMax?: number;
  /** Bytes that all lanes may hold, and all channels. */
  readonly streamBytesMax?: number;
}

/**
 * Messaging in memory, for tests and simulation: streams that keep order and sequences, and that can be lost, doubled,
 * wiped or rolled back. Delivery is asynchronous (one microtask a message), never re-entrant.
 */
export class MemoryBus implements Bus {
  readonly messageBytesMax: number;
  readonly #streamBytesMax: number;
  readonly #clock: Clock;
  /** Undefined while there are no streams. */
  #generation: Generation | undefined;
  #sequence = 0;
  #lanes = new Map<Shard, StoredCommand[]>();
  #channels: StoredEffect[] = [];
  #bytes = { lanes: 0, channels: 0 };
  readonly #ingress = new MemoryIngress((retry) => this.#clock.after(ingressRetryMs, retry));
  /** Who reads a shard: its owner, and perhaps one that does not know yet that it was deposed. */
  readonly #laneReaders = new Readers<StoredCommand>();
  readonly #channelReaders = new Readers<StoredEffect>();
  readonly #connectionListeners: ((state: 'lost' | 'back') => void)[] = [];
  readonly #headListeners = new Set<(heads: readonly Head[]) => void>();
  readonly #heartbeatListeners = new Set<(org: string, worker: string, payload: Uint8Array) => void>();
  readonly #statsListeners = new Set<(owner: string, stats: object) => void>();
  readonly #logListeners = new Set<(shard: Shard, message: Uint8Array) => void>();
  #work: WorkOffer[] = [];
  readonly #workTakers = new Set<(offer: WorkOffer) => boolean>();
  readonly #workListeners = new Set<(offer: WorkOffer) => void>();
  readonly #controlListeners = new Set<(org: string, worker: string, payload: Uint8Array) => void>();
  readonly #replyListeners = new Map<string, (reply: Reply | readonly Reply[]) => void>();
  readonly #eventListeners = new Set<(events: EventMessage) => void>();
  readonly events: EventMessage[] = [];
  loses: Loss = () => false;
  up = true;

  constructor(clock: Clock, options: MemoryBusOptions = {}) {
    this.#clock = clock;
    this.messageBytesMax = options.messageBytesMax ?? 8 * 1024 * 1024;
    this.#streamBytesMax = options.streamBytesMax ?? Number.POSITIVE_INFINITY;
  }

  async inspect(expected: Generation, lanes: ReadonlyMap<Shard, LanePosition>): Promise<BusState> {
    this.#check();
    const forgot = (reason: string): BusState => ({ state: 'forgot', reason, highestSequence: this.#sequence });
    if (this.#generation !== undefined && this.#generation !== expected)
      return forgot(`generation ${this.#generation}, expected ${expected}`);
    if (this.#generation === undefined && expected > 1) return forgot('there are no streams');
    for (const [shard, { sequence, time }] of lanes) {
      if (sequence === 0) continue;
      const message = this.#lanes.get(shard)?.find((stored) => stored.sequence === sequence);
      if (message?.time !== time) return forgot(`lane ${shard} has no message ${sequence} of ${time}`);
    }
    this.#generation = expected;
    return { state: 'level', highestSequence: this.#sequence };
  }

  async recreate(next: Generation, beyondSequence: number): Promise<void> {
    this.#check();
    if (this.#generation !== undefined && this.#generation > next)
      throw new AstraError('unavailable', 'bus_unavailable', `the bus is of generation ${this.#generation}`);
    this.#empty();
    if (next !== this.#generation) {
      // Whoever reads another generation has to open this one.
      this.#laneReaders.clear();
      this.#channelReaders.clear();
    }
    this.#generation = next;
    this.#sequence = beyondSequence;
  }

  /** The storage is gone, as if it had never been. */
  wipe(): void {
    this.#empty();
    this.#generation = undefined;
    this.#sequence = 0;
  }

  /** The storage is as it was when this lane message was the last one. */
  rollBack(sequence: number): void {
    for (const [shard, lane] of this.#lanes)
      this.#lanes.set(
        shard,
        lane.filter((stored) => stored.sequence <= sequence),
      );
    this.#channels = this.#channels.filter((message) => message.sequence <= sequence);
    this.#sequence = sequence;
  }

  #empty(): void {
    this.#lanes = new Map();
    this.#channels = [];
    this.#work = [];
    this.#bytes = { lanes: 0, channels: 0 };
    this.#ingress.clear();
  }

  /** The connection is lost, and comes back. */
  disconnect(): void {
    this.up = false;
    for (const listener of this.#connectionListeners) listener('lost');
  }

  reconnect(): void {
    this.up = true;
    for (const listener of this.#connectionListeners) listener('back');
  }

  onConnection(listener: (state: 'lost' | 'back') => void): void {
    this.#connectionListeners.push(listener);
  }

  async openLane(
    shard: Shard,
    from: LanePosition,
    deliver: (message: LaneMessage) => void | Promise<void>,
  ): Promise<Subscription> {
    this.#check();
    return this.#laneReaders.open(
      shard,
      this.#lanes.get(shard) ?? [],
      ({ sequence, time, entries, replyTo, bytes }) => {
        if (sequence <= from.sequence) return;
        return deliver({
          position: { generation: from.generation, sequence, time },
          entries,
          bytes,
          ...(replyTo === undefined ? null : { replyTo }),
        });
      },
    );
  }

  async openChannels(to: Shard, deliver: (message: ChannelMessage) => void | Promise<void>): Promise<Subscription> {
    this.#check();
    const held = this.#channels.filter((message) => message.to === to);
    return this.#channelReaders.open(to, held, deliver);
  }

  async sendCommand(shard: Shard, envelope: Envelope): Promise<void> {
    this.sendEntries(shard, [{ ok: true, envelope }]);
  }

  /** What a worker says: its batch, or what is none. Returns its sequence, as a PubAck does. */
  sendBatch(shard: Shard, org: string, body: Json, replyTo?: string): number {
    const message = workerMessage(org, body, Buffer.from(JSON.stringify(body)), replyTo);
    return this.sendEntries(shard, message.entries, message.replyTo);
  }

  /** A lane message; returns its sequence. */
  sendEntries(shard: Shard, entries: readonly LaneEntry[], replyTo?: string): number {
    const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    this.#check(bytes);
    if (this.#bytes.lanes + bytes > this.#streamBytesMax) throw streamFull();
    this.#bytes.lanes += bytes;
    const stored: StoredCommand = {
      sequence: ++this.#sequence,
      time: String(this.#clock.now() * 1000),
      entries,
      bytes,
      ...(replyTo === undefined ? null : { replyTo }),
    };
    const lane = this.#lanes.get(shard) ?? [];
    lane.push(stored);
    this.#lanes.set(shard, lane);
    this.#laneReaders.push(shard, stored);
    return stored.sequence;
  }

  async sendChannel(to: Shard, from: Shard, n: number, envelope: Uint8Array): Promise<void> {
    this.#check(envelope.length);
    if (this.loses('channel', to)) return;
    if (this.#bytes.channels + envelope.length > this.#streamBytesMax) throw streamFull();
    this.#bytes.channels += envelope.length;
    const message = { to, from, n, envelope, sequence: ++this.#sequence };
    this.#channels.push(message);
    this.#channelReaders.push(to, message);
  }

  async purge(shard: Shard, laneBelow: number, channelsBelow: number): Promise<void> {
    this.#check();
    const lane = this.#lanes.get(shard) ?? [];
    const kept = lane.filter(({ sequence }) => sequence >= laneBelow);
    this.#lanes.set(shard, kept);
    this.#bytes.lanes -=
      lane.reduce((sum, { bytes }) => sum + bytes, 0) - kept.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#channels = this.#channels.filter((message) => {
      if (message.to !== shard || message.sequence >= channelsBelow) return true;
      this.#bytes.channels -= message.envelope.length;
      return false;
    });
  }

  reply(subject: string, replies: Reply | readonly Reply[]): void {
    if (this.up && !this.loses('reply', subject)) queueMicrotask(() => this.#replyListeners.get(subject)?.(replies));
  }

  /** Hears the answers on one subject. */
  onReply(subject: string, listener: (reply: Reply | readonly Reply[]) => void): void {
    this.#replyListeners.set(subject, listener);
  }

  async sendWork(offer: WorkOffer): Promise<void> {
    this.#check(offer.payload.length);
    if (this.loses('work', offer.pool)) return;
    for (const listener of this.#workListeners) queueMicrotask(() => listener(offer));
    this.#work.push(offer);
    for (const take of this.#workTakers) this.#takeWork(take);
  }

  /** Takes the offers that are kept, and those that come: all for which `take` says that it does. */
  takeWork(take: (offer: WorkOffer) => boolean): void {
    this.#workTakers.add(take);
    this.#takeWork(take);
  }

  #takeWork(take: (offer: WorkOffer) => boolean): void {
    this.#work = this.#work.filter((offer) => !take(offer));
  }

  /** Hears every offer as it comes, and leaves it there. */
  onWork(listener: (offer: WorkOffer) => void): void {
    this.#workListeners.add(listener);
  }

  sendLog(shard: Shard, commit: Uint8Array): void {
    if (!this.up || this.loses('log', shard)) return;
    for (const listener of this.#logListeners) queueMicrotask(() => listener(shard, commit));
  }

  onLog(listener: (shard: Shard, message: Uint8Array) => void): Subscription {
    this.#logListeners.add(listener);
    return { stop: async () => void this.#logListeners.delete(listener) };
  }

  async sendEvents(events: EventMessage): Promise<void> {
    this.#check(events.payload.length);
    if (this.loses('event', events.actorId)) return;
    this.events.push(events);
    for (const listener of this.#eventListeners) queueMicrotask(() => listener(events));
  }

  onEvents(listener: (events: EventMessage) => void): void {
    this.#eventListeners.add(listener);
  }

  sendHeads(heads: readonly Head[]): void {
    if (!this.up || this.loses('heads', 0)) return;
    for (const listener of this.#headListeners) queueMicrotask(() => listener(heads));
  }

  sendStats(owner: string, stats: object): void {
    if (!this.up) return;
    for (const listener of this.#statsListeners) queueMicrotask(() => listener(owner, stats));
  }

  onStats(listener: (owner: string, stats: object) => void): Subscription {
    this.#statsListeners.add(listener);
    return { stop: async () => void this.#statsListeners.delete(listener) };
  }

  async onHeads(listener: (heads: readonly Head[]) => void): Promise<Subscription> {
    this.#headListeners.add(listener);
    return { stop: async () => void this.#headListeners.delete(listener) };
  }

  /** A worker's heartbeat. */
  beat(org: string, worker: string, payload: object): void {
    if (!this.up) return;
    for (const listener of this.#heartbeatListeners) listener(org, worker, Buffer.from(JSON.stringify(payload)));
  }

  async onHeartbeat(listener: (org: string, worker: string, payload: Uint8Array) => void): Promise<Subscription> {
    this.#heartbeatListeners.add(listener);
    return { stop: async () => void this.#heartbeatListeners.delete(listener) };
  }

  sendControl(org: string, worker: string, payload: Uint8Array): void {
    if (this.up) for (const listener of this.#controlListeners) queueMicrotask(() => listener(org, worker, payload));
  }

  onControl(listener: (org: string, worker: string, payload: Uint8Array) => void): void {
    this.#controlListeners.add(listener);
  }

  /** A publication from outside; resolves with its sequence, as a PubAck does. */
  publish(publication: Omit<Publication, 'generation' | 'sequence' | 'redelivered'>): number {
    this.#check();
    const sequence = ++this.#sequence;
    this.#ingress.push({
      ...publication,
      generation: this.#generation ?? generation(1),
      sequence,
      redelivered: false,
    });
    return sequence;
  }

  async openIngress(handle: (publication: Publication) => Promise<void>): Promise<Subscription> {
    return this.#ingress.open(handle);
  }

  async close(): Promise<void> {
    this.up = false;
  }

  #check(bytes = 0): void {
    if (!this.up) throw new AstraError('unavailable', 'bus_unavailable', 'the bus does not answer');
    if (bytes > this.messageBytesMax)
      throw new AstraError('rejected', 'message_too_large', 'the message is larger than the bus carries');
  }
}

const sizeOf = (entry: LaneEntry): number =>
  messageOverheadBytes + (entry.ok ? JSON.stringify(entry.envelope.body).length : entry.payload.length);

const streamFull = (): AstraError =>
  new AstraError('overloaded', 'stream_full', 'a stream is at its bound: retry later', { retryAfterMs: 1000 });

/** Publications that wait for their handling: all at once, but one at a time for each key; what fails comes again. */
class MemoryIngress {
  readonly #retryLater: (retry: () => void) => void;
  #waiting: Publication[] = [];
  readonly #keys = new Map<string, Promise<void>>();
  /** Those that have it open, the newest first served; more than one while it changes hands. */
  #handles: ((publication: Publication) => Promise<void>)[] = [];

  constructor(retryLater: (retry: () => void) => void) {
    this.#retryLater = retryLater;
  }

  push(publication: Publication): void {
    this.#waiting.push(publication);
    this.#take(publication);
  }

  /** Forgets all that is not acknowledged. */
  clear(): void {
    this.#waiting = [];
  }

  open(handle: (publication: Publication) => Promise<void>): Subscription {
    this.#handles.push(handle);
    this.#takeAgain();
    return {
      stop: async () => {
        const served = this.#handles.at(-1) === handle;
        this.#handles = this.#handles.filter((other) => other !== handle);
        await Promise.all(this.#keys.values());
        if (served) this.#takeAgain();
      },
    };
  }

  #takeAgain(): void {
    this.#waiting = this.#waiting.map((publication) => ({ ...publication, redelivered: true }));
    for (const publication of this.#waiting) this.#take(publication);
  }

  #take(publication: Publication): void {
    const handle = this.#handles.at(-1);
    if (!handle) return;
    const key = publicationKey(publication);
    const done = (this.#keys.get(key) ?? Promise.resolve()).then(async () => {
      if (this.#handles.at(-1) !== handle || !this.#waiting.includes(publication)) return;
      try {
        await handle(publication);
        this.#waiting = this.#waiting.filter((waiting) => waiting !== publication);
      } catch {
        const again = { ...publication, redelivered: true };
        this.#waiting = this.#waiting.map((waiting) => (waiting === publication ? again : waiting));
        this.#retryLater(() => this.#take(again));
      }
    });
    this.#keys.set(key, done);
    void done.then(() => {
      if (this.#keys.get(key) === done) this.#keys.delete(key);
    });
  }
}
