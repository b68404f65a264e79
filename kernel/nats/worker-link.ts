import type { Msg, Subscription as NatsSubscription } from '@nats-io/nats-core';
import type { IdFormat } from '../address.ts';
import { shardOf } from '../address.ts';
import type { Shard } from '../brand.ts';
import type { Subscription } from '../bus.ts';
import type { PullOptions, WorkerCommand, WorkerLink, WorkMessage } from '../edge.ts';
import type { Json, Reply } from '../envelope.ts';
import { AstraError } from '../errors.ts';
import { ask } from './ask.ts';
import { pullExpiresMs, pullMessagesMax, pullRetryMs } from './bounds.ts';
import { batchToken, header } from './command-message.ts';
import { jsonOf, type Wire } from './connection.ts';
import { HeaderBlock } from './header-block.ts';
import { laneSubject, workDurable } from './names.ts';
import { Publisher } from './publisher.ts';
import { Replies } from './replies.ts';

export interface WorkerLinkOptions {
  readonly shards: number;
  /** How ids of workers are placed. */
  readonly workerIds: IdFormat;
  readonly org: string;
  /** Unique to this process. */
  readonly client: string;
}

const lanes = ['high', 'normal', 'low'] as const;

/** A worker's side of the bus. */
export class NatsWorkerLink implements WorkerLink {
  readonly #wire: Wire;
  readonly #options: WorkerLinkOptions;
  readonly #publisher: Publisher;
  readonly #replies: Replies;
  readonly #pullers = new Set<Puller>();
  #retry: NodeJS.Timeout | undefined;

  constructor(wire: Wire, options: WorkerLinkOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#publisher = new Publisher(wire);
    this.#replies = new Replies(wire, options.org, options.client);
  }

  get connected(): boolean {
    return this.#wire.connected();
  }

  onConnection(listener: (state: 'lost' | 'back') => void): void {
    this.#wire.onConnection(listener);
  }

  async pull(
    org: string,
    routes: readonly { pool: string; type: string }[],
    options: PullOptions,
  ): Promise<Subscription> {
    const pullers = lanes.flatMap((lane) =>
      routes.map(
        ({ pool, type }) =>
          new Puller(this.#wire, workDurable(org, pool, type, lane), options, () => this.#wakeLater()),
      ),
    );
    for (const puller of pullers) this.#pullers.add(puller);
    for (const puller of pullers) puller.start();
    return {
      stop: async () => {
        for (const puller of pullers) {
          puller.stop();
          this.#pullers.delete(puller);
        }
      },
    };
  }

  /** Slots may have become free: who waits for credit asks again. */
  #wake(): void {
    for (const puller of this.#pullers) puller.wake();
  }

  /** Routes that nothing was offered on yet are most of them: they ask again together, in one write. */
  #wakeLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      for (const puller of this.#pullers) puller.retry();
    }, pullRetryMs).unref();
  }

  async sendBatch(
    shard: Shard,
    org: string,
    entries: readonly WorkerCommand[],
    timeoutMs: number,
  ): Promise<readonly Reply[]> {
    const reply = await this.#ask(
      laneSubject(this.#wire.names, shard, org, batchToken),
      entries as unknown as Json,
      {},
      timeoutMs,
    );
    this.#wake();
    if (!Array.isArray(reply) || reply.length !== entries.length)
      throw new AstraError(
        'corrupt',
        'internal',
        `expected ${entries.length} answers to a batch, found ${Array.isArray(reply) ? reply.length : 'one'}`,
      );
    return reply as readonly Reply[];
  }

  async ask(shard: Shard, org: string, entry: WorkerCommand, timeoutMs: number): Promise<Reply> {
    const subject = laneSubject(this.#wire.names, shard, org, batchToken);
    const reply = await this.#ask(subject, [entry] as unknown as Json, {}, timeoutMs);
    return (Array.isArray(reply) ? reply[0] : reply) as Reply;
  }

  async sendWorker(
    org: string,
    worker: string,
    verb: string,
    id: string,
    body: Json,
    timeoutMs: number,
  ): Promise<Reply> {
    const shard = shardOf({ org, type: 'worker', id: worker }, this.#options.workerIds, this.#options.shards);
    const reply = await this.#ask(
      laneSubject(this.#wire.names, shard, org, 'worker'),
      body,
      { [header.to]: worker, [header.command]: verb, [header.commandId]: id },
      timeoutMs,
    );
    return (Array.isArray(reply) ? reply[0] : reply) as Reply;
  }

  async #ask(
    subject: string,
    body: Json,
    extra: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<Reply | readonly Reply[]> {
    return ask(this.#publisher, this.#replies, timeoutMs, (replyTo) => {
      const h = new HeaderBlock();
      h.set(header.replyTo, replyTo);
      for (const [name, value] of Object.entries(extra)) h.set(name, value);
      return { subject, payload: Buffer.from(JSON.stringify(body)), headers: h };
    });
  }

  heartbeat(org: string, worker: string, payload: Json): void {
    this.#core(`${this.#wire.names.root}.hb.${org}.${worker}`, payload);
    this.#wake();
  }

  async onControl(org: string, worker: string, listener: (message: Json) => void): Promise<Subscription> {
    const subscription = this.#wire.hear(`${this.#wire.names.root}.ctl.${org}.${worker}`, (message) => {
      const said = jsonOf(message);
      if (said !== undefined) listener(said);
    });
    return { stop: async () => subscription.unsubscribe() };
  }

  sendOutput(org: string, taskId: string, payload: Json): void {
    this.#core(`${this.#wire.names.root}.logs.${org}.${taskId}`, payload);
  }

  async close(): Promise<void> {
    for (const puller of this.#pullers) puller.stop();
    clearTimeout(this.#retry);
    this.#publisher.close();
    this.#replies.close();
    // What was acknowledged or sent just now is on its way before the socket ends.
    await this.#wire.nc.flush().catch(() => {});
    await this.#wire.nc.close();
  }

  #core(subject: string, payload: Json): void {
    if (this.#wire.connected()) this.#wire.nc.publish(subject, Buffer.from(JSON.stringify(payload)));
  }
}

let pulls = 0;

/** Long polls of one durable, while there is credit. */
class Puller {
  readonly #wire: Wire;
  readonly #durable: string;
  readonly #options: PullOptions;
  readonly #onAbsent: () => void;
  readonly #inbox: string;
  #subscription: NatsSubscription | undefined;
  #unlisten: () => void = () => {};
  /** Messages of the standing request that have not come; 0: no request stands. */
  #asked = 0;
  #deadline: NodeJS.Timeout | undefined;
  /** There is no durable yet, or its requests are refused: it asks again a little later. */
  #absent = false;
  #stopped = false;

  /** `onAbsent`: it wants {@link retry} to be called in a while. */
  constructor(wire: Wire, durable: string, options: PullOptions, onAbsent: () => void) {
    this.#wire = wire;
    this.#durable = durable;
    this.#options = options;
    this.#onAbsent = onAbsent;
    this.#inbox = `${wire.inbox}.pull${++pulls}`;
  }

  start(): void {
    this.#subscription = this.#wire.hear(this.#inbox, (message) => this.#heard(message));
    this.#unlisten = this.#wire.onConnection((state) => {
      if (state !== 'back') return;
      this.#asked = 0;
      this.wake();
    });
    this.wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#unlisten();
    clearTimeout(this.#deadline);
    this.#subscription?.unsubscribe();
  }

  wake(): void {
    if (this.#stopped || this.#asked > 0 || this.#absent || !this.#wire.connected()) return;
    const credit = this.#options.credit();
    if (credit <= 0) return;
    // Messages hold up to sixteen attempts: asking for one a credit would bring far more than can start.
    this.#asked = Math.max(1, Math.min(pullMessagesMax, Math.ceil(credit / 4)));
    const request = { batch: this.#asked, expires: pullExpiresMs * 1_000_000 };
    this.#wire.nc.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${this.#wire.names.work}.${this.#durable}`,
      Buffer.from(JSON.stringify(request)),
      {
        reply: this.#inbox,
      },
    );
    clearTimeout(this.#deadline);
    // A request that the server forgot (it was restarted) is replaced.
    this.#deadline = setTimeout(() => this.#ended(), pullExpiresMs + 2000);
    this.#deadline.unref();
  }

  #heard(message: Msg): void {
    const code = message.headers?.code ?? 0;
    if (message.data.length === 0 && code !== 0) {
      if (code === 100) return;
      // 503: the durable does not exist yet. 404, 408, 409: the request has ended.
      if (code === 503 || code === 409) this.#later();
      else this.#ended();
      return;
    }
    this.#asked--;
    if (this.#asked <= 0) this.#ended();
    const work: WorkMessage = {
      payload: message.data,
      redelivered: !/^\$JS\.ACK\.(?:[^.]+\.){2}1\./.test(message.reply ?? ''),
      ack: () => {
        if (message.reply && this.#wire.connected()) this.#wire.nc.publish(message.reply, acknowledgement);
      },
    };
    if (!this.#stopped) this.#options.deliver(work);
  }

  #ended(): void {
    this.#asked = 0;
    queueMicrotask(() => this.wake());
  }

  #later(): void {
    this.#asked = 0;
    this.#absent = true;
    this.#onAbsent();
  }

  retry(): void {
    this.#absent = false;
    this.wake();
  }
}

const acknowledgement = Buffer.from('+ACK');
