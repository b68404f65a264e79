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
import type { Envelope, Reply } from '../envelope.ts';
import { AstraError } from '../errors.ts';
import type { LanePosition } from '../log.ts';

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

/**
 * Messaging in memory, for tests and simulation: streams that keep order and sequences, and that can be lost, doubled,
 * wiped or rolled back. Delivery is asynchronous (one microtask a message), never re-entrant.
 */
export class MemoryBus implements Bus {
  readonly messageBytesMax = 8 * 1024 * 1024;
  readonly #clock: Clock;
  #generation: Generation | undefined;
  #sequence = 0;
  #lanes = new Map<Shard, StoredCommand[]>();
  #channels: StoredEffect[] = [];
  #publications: Publication[] = [];
  readonly #laneReaders = new Map<Shard, Reader<StoredCommand>>();
  readonly #channelReaders = new Map<Shard, Reader<StoredEffect>>();
  readonly #connectionListeners: ((state: 'lost' | 'back') => void)[] = [];
  readonly #headListeners = new Set<(heads: readonly Head[]) => void>();
  readonly #heartbeatListeners = new Set<(org: string, worker: string, payload: Uint8Array) => void>();
  readonly #statsListeners = new Set<(owner: string, stats: object) => void>();
  readonly #logListeners = new Set<(shard: Shard, message: Uint8Array) => void>();
  readonly #workListeners = new Set<(offer: WorkOffer) => void>();
  readonly #controlListeners = new Set<(org: string, worker: string, payload: Uint8Array) => void>();
  readonly #replyListeners = new Map<string, (reply: Reply | readonly Reply[]) => void>();
  #ingress: ((publication: Publication) => Promise<void>) | undefined;
  #forwarding: Promise<void> = Promise.resolve();
  readonly events: EventMessage[] = [];
  loses: Loss = () => false;
  up = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async inspect(expected: Generation, lanes: ReadonlyMap<Shard, LanePosition>): Promise<BusState> {
    this.#check();
    this.#generation ??= expected;
    const forgot = (reason: string): BusState => ({ state: 'forgot', reason, highestSequence: this.#sequence });
    if (this.#generation !== expected) return forgot(`generation ${this.#generation}, expected ${expected}`);
    for (const [shard, { sequence, time }] of lanes) {
      if (sequence === 0) continue;
      const message = this.#lanes.get(shard)?.find((stored) => stored.sequence === sequence);
      if (message?.time !== time) return forgot(`lane ${shard} has no message ${sequence} of ${time}`);
    }
    return { state: 'level', highestSequence: this.#sequence };
  }

  async recreate(next: Generation, beyondSequence: number): Promise<void> {
    this.#check();
    this.#generation = next;
    this.#sequence = Math.max(this.#sequence, beyondSequence);
    this.#lanes = new Map();
    this.#channels = [];
    this.#publications = [];
  }

  /** The storage is gone, as if it had never been. */
  wipe(): void {
    this.#generation = generation(0);
    this.#sequence = 0;
    this.#lanes = new Map();
    this.#channels = [];
    this.#publications = [];
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
    const reader = new Reader<StoredCommand>(({ sequence, time, entries, replyTo, bytes }) =>
      deliver({
        position: { generation: this.#generation as Generation, sequence, time },
        entries,
        bytes,
        ...(replyTo === undefined ? null : { replyTo }),
      }),
    );
    this.#laneReaders.set(shard, reader);
    reader.push(...(this.#lanes.get(shard) ?? []).filter(({ sequence }) => sequence > from.sequence));
    return reader;
  }

  async openChannels(to: Shard, deliver: (message: ChannelMessage) => void | Promise<void>): Promise<Subscription> {
    this.#check();
    const reader = new Reader<StoredEffect>(deliver);
    this.#channelReaders.set(to, reader);
    reader.push(...this.#channels.filter((message) => message.to === to));
    return reader;
  }

  async sendCommand(shard: Shard, envelope: Envelope): Promise<void> {
    this.sendEntries(shard, [{ ok: true, envelope }]);
  }

  /** A lane message as a worker's batch makes it. */
  sendEntries(shard: Shard, entries: readonly LaneEntry[], replyTo?: string): void {
    this.#check();
    const stored: StoredCommand = {
      sequence: ++this.#sequence,
      time: String(this.#clock.now() * 1000),
      entries,
      bytes: 100,
      ...(replyTo === undefined ? null : { replyTo }),
    };
    const lane = this.#lanes.get(shard) ?? [];
    lane.push(stored);
    this.#lanes.set(shard, lane);
    this.#laneReaders.get(shard)?.push(stored);
  }

  async sendChannel(to: Shard, from: Shard, n: number, envelope: Uint8Array): Promise<void> {
    this.#check();
    if (this.loses('channel', to)) return;
    const message = { to, from, n, envelope, sequence: ++this.#sequence };
    this.#channels.push(message);
    this.#channelReaders.get(to)?.push(message);
  }

  async purge(shard: Shard, laneBelow: number, channelsBelow: number): Promise<void> {
    this.#check();
    this.#lanes.set(
      shard,
      (this.#lanes.get(shard) ?? []).filter(({ sequence }) => sequence >= laneBelow),
    );
    this.#channels = this.#channels.filter((message) => message.to !== shard || message.sequence >= channelsBelow);
  }

  reply(subject: string, replies: Reply | readonly Reply[]): void {
    if (this.up && !this.loses('reply', subject)) queueMicrotask(() => this.#replyListeners.get(subject)?.(replies));
  }

  /** Hears the answers on one subject. */
  onReply(subject: string, listener: (reply: Reply | readonly Reply[]) => void): void {
    this.#replyListeners.set(subject, listener);
  }

  async sendWork(offer: WorkOffer): Promise<void> {
    this.#check();
    if (this.loses('work', offer.pool)) return;
    for (const listener of this.#workListeners) queueMicrotask(() => listener(offer));
  }

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
    this.#check();
    if (!this.loses('event', events.actorId)) this.events.push(events);
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
    this.#publications.push({
      ...publication,
      generation: this.#generation ?? generation(1),
      sequence,
      redelivered: false,
    });
    this.#forward();
    return sequence;
  }

  async openIngress(handle: (publication: Publication) => Promise<void>): Promise<Subscription> {
    this.#ingress = handle;
    this.#publications = this.#publications.map((publication) => ({ ...publication, redelivered: true }));
    this.#forward();
    return {
      stop: async () => {
        this.#ingress = undefined;
        await this.#forwarding;
      },
    };
  }

  #forward(): void {
    this.#forwarding = this.#forwarding.then(async () => {
      const next = this.#publications[0];
      if (!next || !this.#ingress) return;
      await this.#ingress(next);
      this.#publications.shift();
      if (this.#publications.length > 0) this.#forward();
    });
  }

  async close(): Promise<void> {
    this.up = false;
  }

  #check(): void {
    if (!this.up) throw new AstraError('unavailable', 'bus_unavailable', 'the bus does not answer');
  }
}

/** Delivers in order, one at a time. */
class Reader<T> implements Subscription {
  readonly #deliver: (message: T) => void | Promise<void>;
  readonly #queue: T[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(deliver: (message: T) => void | Promise<void>) {
    this.#deliver = deliver;
  }

  push(...messages: readonly T[]): void {
    this.#queue.push(...messages);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    for (let next = this.#queue.shift(); next && !this.#stopped; next = this.#queue.shift()) await this.#deliver(next);
    this.#running = undefined;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#queue.length = 0;
  }
}
