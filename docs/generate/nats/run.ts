import { setImmediate as nextTurn } from 'node:timers/promises';
import { headers, type Msg } from '@nats-io/nats-core';
import { behaviors, parkPublication, translatePublication } from '../../../actors/index.ts';
import { micros, type Shard } from '../../../kernel/brand.ts';
import type { WorkOffer } from '../../../kernel/bus.ts';
import type { WorkerCommand } from '../../../kernel/edge.ts';
import type { Json } from '../../../kernel/envelope.ts';
import { derivedId, timeId } from '../../../kernel/ids.ts';
import { type Kernel, startKernel } from '../../../kernel/kernel.ts';
import { MemoryBus } from '../../../kernel/memory/bus.ts';
import { ManualClock } from '../../../kernel/memory/clock.ts';
import { MemoryLog } from '../../../kernel/memory/log.ts';
import { batchToken, decodeLaneMessage, header } from '../../../kernel/nats/command-message.ts';
import { laneSubject, namesOf } from '../../../kernel/nats/names.ts';
import { seededRandom } from '../../../kernel/random.ts';
import { Registry } from '../../../kernel/registry.ts';

/**
 * A kernel with the whole domain, its ports in memory, on a clock that stands still and chance from a seed: what is said
 * to it is read by the code that reads NATS messages, and what it answers is what it answers. So the page's examples are
 * never made up, and are the same each time.
 */
export const org = 'acme';
export const shards = 64;
export const names = namesOf();
export const registry = new Registry(behaviors);

/** A message as it stands on NATS. */
export interface Message {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
}

/** Turns of the event loop that an answer may take; past it something is broken. */
const turnsMax = 10_000;

export class Run {
  readonly #clock = new ManualClock(Date.parse('2026-01-01T00:00:00.000Z'));
  readonly #random = seededRandom(Buffer.alloc(32, 1));
  readonly log = new MemoryLog(this.#clock, this.#random, shards);
  readonly bus = new MemoryBus(this.#clock);
  readonly #offers: WorkOffer[] = [];
  #controls: Json[] = [];
  #kernel: Kernel | undefined;
  #answers = 0;

  static async start(): Promise<Run> {
    const run = new Run();
    const fail = (error: unknown): never => {
      throw error instanceof Error ? error : new Error(JSON.stringify(error));
    };
    run.#kernel = await startKernel({
      log: run.log,
      bus: run.bus,
      clock: run.#clock,
      random: run.#random,
      logger: { info: () => {}, warn: fail, error: fail },
      behaviors,
      translate: (publication, now) => translatePublication(publication, micros(now), (prefix) => run.newId(prefix)),
      parkPublication,
      idempotencyDays: 7,
      eventsFor: () => true,
      onDefect: fail,
    });
    await run.#kernel.ready;
    run.bus.onWork((offer) => run.#offers.push(offer));
    run.bus.onControl((_org, _worker, payload) => run.#controls.push(jsonOf(payload)));
    return run;
  }

  stop(): Promise<void> {
    return (this.#kernel as Kernel).stop();
  }

  newId(prefix: string): string {
    return timeId(prefix, Math.floor(this.#clock.now() / 1000), this.#random.bytes(10));
  }

  /** Time goes by, so that the examples' times differ. */
  later(ms: number): void {
    this.#clock.advance(ms);
  }

  /** A publication, and its answer. */
  async publish(verb: string, key: string, body: Json): Promise<{ readonly message: Message; readonly reply: Json }> {
    const replyTo = this.#replySubject();
    const reply = this.#answer(replyTo);
    this.bus.publish({
      org,
      verb,
      contentType: 'application/json',
      payload: Buffer.from(JSON.stringify(body)),
      idempotencyKey: key,
      replyTo,
    });
    const message = {
      subject: `${names.root}.in.${org}.${verb}`,
      headers: { [header.idempotencyKey]: key, [header.replyTo]: replyTo },
      body,
    };
    return { message, reply: await reply };
  }

  /** A command of a worker to its own actor, and its answer. */
  workerCommand(worker: string, verb: string, id: string, body: Json): Promise<{ message: Message; reply: Json }> {
    const shard = registry.shardOf({ org, type: 'worker', id: worker }, shards) as Shard;
    return this.#lane(shard, 'worker', { [header.to]: worker, [header.command]: verb, [header.commandId]: id }, body);
  }

  /** A batch of commands to tasks of one shard, and their answers. */
  batch(shard: Shard, entries: readonly WorkerCommand[]): Promise<{ message: Message; reply: Json }> {
    return this.#lane(shard, batchToken, {}, entries as unknown as Json);
  }

  async #lane(shard: Shard, type: string, more: Readonly<Record<string, string>>, body: Json) {
    const replyTo = this.#replySubject();
    const message = {
      subject: laneSubject(names, shard, org, type),
      headers: { ...more, [header.replyTo]: replyTo },
      body,
    };
    const reply = this.#answer(replyTo);
    const h = headers();
    for (const [name, value] of Object.entries(message.headers)) h.set(name, value);
    const data = Buffer.from(JSON.stringify(body));
    const raw = { subject: message.subject, headers: h, data } as unknown as Msg;
    const position = { generation: 1 as never, sequence: 0, time: '0' };
    const decoded = decodeLaneMessage(names, raw, position);
    this.bus.sendEntries(shard, decoded.entries, decoded.replyTo);
    return { message, reply: await reply };
  }

  /** A heartbeat, and what kernels answer. */
  async beat(worker: string, body: object): Promise<{ message: Message; control: Json }> {
    this.#controls = [];
    this.bus.beat(org, worker, body);
    return {
      message: { subject: `${names.root}.hb.${org}.${worker}`, headers: {}, body: body as Json },
      control: await this.control(),
    };
  }

  /** What kernels say to the worker next, by themselves. */
  async control(): Promise<Json> {
    await until(() => this.#controls.length > 0);
    return this.#controls.shift() as Json;
  }

  /** The next message of WORK. */
  async work(): Promise<WorkOffer> {
    await until(() => this.#offers.length > 0);
    return this.#offers.shift() as WorkOffer;
  }

  #replySubject(): string {
    return `${names.root}.reply.${org}.example.${++this.#answers}`;
  }

  async #answer(subject: string): Promise<Json> {
    let reply: Json | undefined;
    this.bus.onReply(subject, (got) => {
      reply = got as Json;
    });
    await until(() => reply !== undefined);
    return reply as Json;
  }
}

export const jsonOf = (payload: Uint8Array): Json => JSON.parse(Buffer.from(payload).toString('utf8')) as Json;

/** The id of the example's worker: that of a worker with this name. */
export const workerId = derivedId('wk', org, 'worker', 'first-worker');

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn === turnsMax) throw new Error('expected an answer of the kernel in memory, found none');
    await nextTurn();
  }
}
