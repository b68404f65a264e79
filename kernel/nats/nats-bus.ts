import { AckPolicy, DeliverPolicy, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { generation as asGeneration, shard as asShard, type Generation, type Shard } from '../brand.ts';
import type {
  Bus,
  BusState,
  ChannelMessage,
  EventMessage,
  Head,
  LaneMessage,
  Publication,
  Subscription,
  WorkOffer,
} from '../bus.ts';
import { pack, unpack } from '../codec.ts';
import type { Envelope, Reply } from '../envelope.ts';
import { AstraError } from '../errors.ts';
import type { LanePosition } from '../log.ts';
import { requestMs, workAckPendingMax, workAckWaitMs } from './bounds.ts';
import { decodeLaneMessage, encodeCommand } from './command-message.ts';
import type { Wire } from './connection.ts';
import { isMissing, natsError } from './errors.ts';
import { HeaderBlock } from './header-block.ts';
import { Ingress } from './ingress.ts';
import { channelSubject, workDurable, workSubject } from './names.ts';
import { Publisher } from './publisher.ts';
import { Reader } from './reader.ts';
import { generationOf, inspectStreams, recreateStreams, type StreamOptions } from './streams.ts';

const channelNumber = 'Astra-N';

/** The bus on NATS JetStream. */
export class NatsBus implements Bus {
  readonly messageBytesMax: number;
  readonly #wire: Wire;
  readonly #jsm: JetStreamManager;
  readonly #publisher: Publisher;
  readonly #streams: StreamOptions;
  readonly #onTrouble: (message: string, cause: unknown) => void;
  #routes = new Map<string, Promise<void>>();
  #generation: Generation = asGeneration(0);

  private constructor(
    wire: Wire,
    jsm: JetStreamManager,
    streams: StreamOptions,
    onTrouble: (message: string, cause: unknown) => void,
  ) {
    this.#wire = wire;
    this.#jsm = jsm;
    this.#streams = streams;
    this.#onTrouble = onTrouble;
    this.#publisher = new Publisher(wire);
    // What the server forgot while we were away is asked about again.
    wire.onConnection((state) => {
      if (state === 'back') this.#routes = new Map();
    });
    this.messageBytesMax = wire.nc.info?.max_payload ?? 1024 * 1024;
  }

  static async open(
    wire: Wire,
    streams: StreamOptions,
    onTrouble: (message: string, cause: unknown) => void,
  ): Promise<NatsBus> {
    const jsm = await jetstreamManager(wire.nc, { timeout: requestMs, checkAPI: false });
    return new NatsBus(wire, jsm, streams, onTrouble);
  }

  async inspect(generation: Generation, lanes: ReadonlyMap<Shard, LanePosition>): Promise<BusState> {
    const state = await this.#api(() => inspectStreams(this.#jsm, this.#wire.names, generation, lanes, this.#streams));
    if (state.state === 'level' && this.#generation !== generation) this.#begins(generation);
    return state;
  }

  async recreate(generation: Generation, beyondSequence: number): Promise<void> {
    await this.#api(() => recreateStreams(this.#jsm, this.#wire.names, generation, beyondSequence, this.#streams));
    this.#begins(generation);
  }

  /** Nothing that was made before is there any more. */
  #begins(generation: Generation): void {
    this.#routes = new Map();
    this.#generation = generation;
  }

  onConnection(listener: (state: 'lost' | 'back') => void): void {
    this.#wire.onConnection(listener);
  }

  async openLane(
    shard: Shard,
    from: LanePosition,
    deliver: (message: LaneMessage) => void | Promise<void>,
  ): Promise<Subscription> {
    const { names } = this.#wire;
    return this.#api(() =>
      Reader.open(this.#wire, this.#jsm, {
        stream: names.cmd,
        filter: `${names.root}.cmd.${shard}.>`,
        after: from.sequence,
        onTrouble: this.#onTrouble,
        isCurrent: () => this.#isOf(names.cmd, from.generation),
        deliver: ({ message, sequence, time }) =>
          deliver(decodeLaneMessage(names, message, { generation: from.generation, sequence, time })),
      }),
    );
  }

  async openChannels(to: Shard, deliver: (message: ChannelMessage) => void | Promise<void>): Promise<Subscription> {
    const { names } = this.#wire;
    const generation = this.#generation;
    return this.#api(() =>
      Reader.open(this.#wire, this.#jsm, {
        stream: names.chan,
        filter: `${names.root}.chan.${to}.*`,
        after: 0,
        onTrouble: this.#onTrouble,
        isCurrent: () => this.#isOf(names.chan, generation),
        deliver: ({ message, sequence }) =>
          deliver({
            from: asShard(Number(message.subject.slice(message.subject.lastIndexOf('.') + 1))),
            n: Number(message.headers?.get(channelNumber)),
            envelope: message.data,
            sequence,
          }),
      }),
    );
  }

  async #isOf(stream: string, generation: Generation): Promise<boolean> {
    return (await generationOf(this.#jsm, stream)) === generation;
  }

  async sendCommand(shard: Shard, envelope: Envelope): Promise<void> {
    const { subject, payload, headers: h } = encodeCommand(this.#wire.names, shard, envelope);
    await this.#publisher.publish(subject, payload, h);
  }

  async sendChannel(to: Shard, from: Shard, n: number, envelope: Uint8Array): Promise<void> {
    const h = new HeaderBlock();
    h.set(channelNumber, String(n));
    await this.#publisher.publish(channelSubject(this.#wire.names, to, from), envelope, h);
  }

  async purge(shard: Shard, laneBelow: number, channelsBelow: number): Promise<void> {
    const { names } = this.#wire;
    await this.#api(async () => {
      // Below 1 there is nothing, and a server takes "below 1" as "all of them".
      if (laneBelow > 1)
        await this.#jsm.streams.purge(names.cmd, { filter: `${names.root}.cmd.${shard}.>`, seq: laneBelow });
      if (channelsBelow > 1)
        await this.#jsm.streams.purge(names.chan, { filter: `${names.root}.chan.${shard}.*`, seq: channelsBelow });
    });
  }

  reply(subject: string, replies: Reply | readonly Reply[]): void {
    this.#core(subject, Buffer.from(JSON.stringify(replies)));
  }

  async sendWork(offer: WorkOffer): Promise<void> {
    const { org, pool, type, lane, messageId, payload } = offer;
    await this.#ensureRoute(org, pool, type, lane);
    const h = new HeaderBlock();
    h.set('Nats-Msg-Id', messageId);
    await this.#publisher.publish(workSubject(this.#wire.names, org, pool, type, lane), payload, h);
  }

  /** One durable an exact subject, made before its first offer. */
  #ensureRoute(org: string, pool: string, type: string, lane: string): Promise<void> {
    const { names } = this.#wire;
    const durable = workDurable(org, pool, type, lane);
    const known = this.#routes.get(durable);
    if (known) return known;
    const made = this.#api(async () => {
      try {
        await this.#jsm.consumers.info(names.work, durable);
      } catch (error) {
        if (!isMissing(error)) throw error;
        await this.#jsm.consumers.add(names.work, {
          durable_name: durable,
          filter_subject: workSubject(names, org, pool, type, lane),
          ack_policy: AckPolicy.Explicit,
          deliver_policy: DeliverPolicy.All,
          ack_wait: nanos(workAckWaitMs),
          max_ack_pending: workAckPendingMax,
          max_waiting: 512,
        });
      }
    });
    this.#routes.set(durable, made);
    made.catch(() => this.#routes.delete(durable));
    return made;
  }

  sendLog(shard: Shard, commit: Uint8Array): void {
    this.#core(`${this.#wire.names.root}.log.${shard}`, commit);
  }

  async sendEvents(events: EventMessage): Promise<void> {
    const h = new HeaderBlock();
    h.set('Nats-Msg-Id', events.messageId);
    h.set('Astra-Types', events.types.join(','));
    h.set('Astra-Generation', String(events.generation));
    await this.#publisher.publish(
      `${this.#wire.names.root}.evt.${events.org}.${events.actorType}.${events.actorId}`,
      events.payload,
      h,
    );
  }

  sendHeads(heads: readonly Head[]): void {
    this.#core(`${this.#wire.names.root}.heads`, pack(heads));
  }

  sendStats(owner: string, stats: object): void {
    this.#core(`${this.#wire.names.root}.stats.${owner}`, Buffer.from(JSON.stringify(stats)));
  }

  async onHeads(listener: (heads: readonly Head[]) => void): Promise<Subscription> {
    const subscription = listenHeads(this.#wire, listener);
    await this.#wire.nc.flush();
    return subscription;
  }

  async onHeartbeat(listener: (org: string, worker: string, payload: Uint8Array) => void): Promise<Subscription> {
    const subscription = this.#wire.hear(`${this.#wire.names.root}.hb.*.*`, (message) => {
      const [, , org = '', worker = ''] = message.subject.split('.');
      listener(org, worker, message.data);
    });
    await this.#wire.nc.flush();
    return { stop: async () => subscription.unsubscribe() };
  }

  sendControl(org: string, worker: string, payload: Uint8Array): void {
    this.#core(`${this.#wire.names.root}.ctl.${org}.${worker}`, payload);
  }

  async openIngress(handle: (publication: Publication) => Promise<void>): Promise<Subscription> {
    const ingress = new Ingress(this.#wire, this.#jsm, handle, this.#onTrouble);
    ingress.start();
    return ingress;
  }

  async close(): Promise<void> {
    this.#publisher.close();
    await this.#wire.nc.close();
  }

  /** Without acknowledgement: who needs it asks again. */
  #core(subject: string, payload: Uint8Array): void {
    if (!this.#wire.connected()) return;
    try {
      this.#wire.nc.publish(subject, payload);
    } catch (cause) {
      this.#onTrouble(`a message on ${subject} could not be sent`, cause);
    }
  }

  async #api<T>(call: () => Promise<T>): Promise<T> {
    if (!this.#wire.connected())
      throw new AstraError('unavailable', 'bus_unavailable', 'there is no connection to NATS');
    try {
      return await call();
    } catch (error) {
      throw natsError(error);
    }
  }
}

/** Heads announced by anybody, shared by the kernel's and the gateway's side. */
export function listenHeads(wire: Wire, listener: (heads: readonly Head[]) => void): Subscription {
  const subscription = wire.hear(`${wire.names.root}.heads`, (message) => {
    const heads = readHeads(message.data);
    if (heads) listener(heads);
  });
  return { stop: async () => subscription.unsubscribe() };
}

function readHeads(data: Uint8Array): readonly Head[] | undefined {
  try {
    const heads = unpack(data) as readonly Head[];
    return Array.isArray(heads) ? heads : undefined;
  } catch {
    return undefined;
  }
}
