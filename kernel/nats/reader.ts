import { AckPolicy, DeliverPolicy, type JetStreamManager, ReplayPolicy } from '@nats-io/jetstream';
import { type Msg, type Subscription as NatsSubscription, nanos } from '@nats-io/nats-core';
import type { Subscription } from '../bus.ts';
import { readerHeartbeatMs, readerInactiveMs, readerRetryMs, readerSilenceMs } from './bounds.ts';
import type { Wire } from './connection.ts';

/** A message of a stream, with its place. */
export interface StreamMessage {
  readonly message: Msg;
  readonly sequence: number;
  /** Nanoseconds since 1970, by the server's clock. */
  readonly time: string;
}

export interface ReaderOptions {
  readonly stream: string;
  readonly filter: string;
  /** Goes on behind this sequence; 0 from the oldest; `new` from now on. */
  readonly after: number | 'new';
  readonly deliver: (message: StreamMessage) => void | Promise<void>;
  /** Whether the stream still is the one that was to be read: asked of every consumer, before anything of it is delivered. */
  readonly isCurrent?: () => Promise<boolean>;
  readonly onTrouble?: (message: string, cause: unknown) => void;
}

let readers = 0;

/** The stream was made anew since it was to be read. */
class OtherStream extends Error {
  constructor() {
    super('expected the stream of before, found another of its name');
  }
}

/**
 * Reads a stream in order and without a hole, through an ephemeral consumer without acks (docs/architecture.md, "The bus may
 * forget"). Messages are pushed under flow control: while `deliver` holds back, the server stops sending. A hole in the
 * consumer's own sequence, a silent consumer, and every reconnect make a new one behind the last delivered sequence.
 */
export class Reader implements Subscription {
  readonly #wire: Wire;
  readonly #jsm: JetStreamManager;
  readonly #options: ReaderOptions;
  readonly #name: string;
  #last: number | 'new';
  /** What it was before the message that is being dealt with. */
  #before: number | 'new';
  #life = 0;
  #subscription: NatsSubscription | undefined;
  #queue: Msg[] = [];
  #draining = false;
  #consumerSequence = 0;
  #heardMs = performance.now();
  #stopped = false;
  #opening = false;
  /** The consumer is known to be of the right stream. */
  #verified = false;
  readonly #watch: NodeJS.Timeout;
  readonly #unlisten: () => void;

  private constructor(wire: Wire, jsm: JetStreamManager, options: ReaderOptions) {
    this.#wire = wire;
    this.#jsm = jsm;
    this.#options = options;
    this.#last = options.after;
    this.#before = options.after;
    this.#name = `${wire.inbox}.read${++readers}`;
    this.#watch = setInterval(() => {
      if (performance.now() - this.#heardMs > readerSilenceMs && wire.connected())
        void this.#reopen('its consumer is silent');
    }, readerHeartbeatMs);
    this.#watch.unref();
    this.#unlisten = wire.onConnection((state) => {
      if (state === 'back') void this.#reopen(undefined);
    });
  }

  /** Throws when the first consumer cannot be made. */
  static async open(wire: Wire, jsm: JetStreamManager, options: ReaderOptions): Promise<Reader> {
    const reader = new Reader(wire, jsm, options);
    try {
      await reader.#open();
    } catch (error) {
      await reader.stop();
      throw error;
    }
    return reader;
  }

  /** Opens it now, or as soon as the stream is there. */
  static async openWhenPossible(wire: Wire, jsm: JetStreamManager, options: ReaderOptions): Promise<Reader> {
    const reader = new Reader(wire, jsm, options);
    await reader.#open().catch(() => void reader.#reopen(undefined));
    return reader;
  }

  async #open(): Promise<void> {
    const life = ++this.#life;
    this.#subscription?.unsubscribe();
    this.#queue = [];
    this.#consumerSequence = 0;
    this.#verified = false;
    this.#heardMs = performance.now();
    const subject = `${this.#name}.${life}`;
    this.#subscription = this.#wire.hear(subject, (message) => {
      if (life !== this.#life || this.#stopped) return;
      this.#heardMs = performance.now();
      this.#queue.push(message);
      this.#look();
    });
    const last = this.#last;
    await this.#jsm.consumers.add(this.#options.stream, {
      deliver_subject: subject,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      filter_subject: this.#options.filter,
      flow_control: true,
      idle_heartbeat: nanos(readerHeartbeatMs),
      inactive_threshold: nanos(readerInactiveMs),
      mem_storage: true,
      num_replicas: 1,
      ...(last === 'new'
        ? { deliver_policy: DeliverPolicy.New }
        : last === 0
          ? { deliver_policy: DeliverPolicy.All }
          : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: last + 1 }),
    });
    // Asked once the consumer stands: it is of the stream that is there now, or of none.
    if (this.#options.isCurrent && !(await this.#options.isCurrent())) throw new OtherStream();
    if (life !== this.#life) return;
    this.#verified = true;
    this.#look();
  }

  #look(): void {
    if (this.#verified && !this.#draining) void this.#drain();
  }

  async #reopen(reason: string | undefined): Promise<void> {
    if (this.#opening || this.#stopped) return;
    this.#opening = true;
    if (reason !== undefined)
      this.#options.onTrouble?.(
        `a reader of ${this.#options.filter} goes on with a new consumer: ${reason}`,
        undefined,
      );
    for (let first = true; !this.#stopped; first = false) {
      try {
        await this.#open();
        break;
      } catch (cause) {
        if (first)
          this.#options.onTrouble?.(`a reader of ${this.#options.filter} could not be opened: trying again`, cause);
        // What was made anew is not what was read: whoever reads has to open it as such.
        if (cause instanceof OtherStream) await this.stop();
        else await new Promise((resolve) => setTimeout(resolve, readerRetryMs));
      }
    }
    this.#opening = false;
  }

  /** Ends with its look at an empty queue: a message that comes in the same turn of the loop begins the next one. */
  async #drain(): Promise<void> {
    this.#draining = true;
    try {
      while (!this.#stopped && this.#verified) {
        const message = this.#queue.shift();
        if (!message) return;
        const held = this.#take(message);
        if (held) await held;
      }
    } catch (cause) {
      // It was not dealt with, so it is not behind us: it comes again.
      this.#queue = [];
      this.#verified = false;
      this.#last = this.#before;
      this.#options.onTrouble?.(`a message of ${this.#options.filter} could not be dealt with`, cause);
      setTimeout(() => void this.#reopen('its message is read again'), readerRetryMs).unref();
    } finally {
      this.#draining = false;
    }
  }

  #take(message: Msg): void | Promise<void> {
    const { reply } = message;
    if (message.headers?.code === 100) {
      // Flow control: answered in its turn, so that what was sent before it has been dealt with.
      if (reply) message.respond();
      const stalled = message.headers.get('Nats-Consumer-Stalled');
      if (stalled) this.#wire.nc.publish(stalled);
      const delivered = Number(message.headers.get('Nats-Last-Consumer') || 0);
      if (delivered > this.#consumerSequence)
        void this.#reopen(`${delivered - this.#consumerSequence} messages did not arrive`);
      return;
    }
    if (!reply) return;
    // $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time>.<pending>, or with domain and account before.
    const tokens = reply.split('.');
    const at = tokens.length === 9 ? 5 : 7;
    const sequence = tokens[at];
    const consumerSequence = tokens[at + 1];
    const time = tokens[at + 2];
    if (Number(consumerSequence) !== this.#consumerSequence + 1) {
      this.#queue = [];
      void this.#reopen(`expected delivery ${this.#consumerSequence + 1}, found ${consumerSequence}`);
      return;
    }
    this.#consumerSequence++;
    this.#last = Number(sequence);
    this.#before = this.#last - 1;
    return this.#options.deliver({ message, sequence: this.#last, time: time as string });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#life++;
    clearInterval(this.#watch);
    this.#unlisten();
    this.#subscription?.unsubscribe();
    this.#queue = [];
  }
}
