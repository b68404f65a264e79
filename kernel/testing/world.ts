import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Address, type IdFormat, shardOf } from '../address.ts';
import type { Shard } from '../brand.ts';
import { type Clock, SystemClock } from '../clock.ts';
import { openEvent } from '../codec.ts';
import type { Envelope, Json, Reply } from '../envelope.ts';
import { AstraError } from '../errors.ts';
import type { EventRecord } from '../event.ts';
import { derivedId } from '../ids.ts';
import { type Kernel, type KernelOptions, startKernel } from '../kernel.ts';
import { MemoryBus, type MemoryBusOptions } from '../memory/bus.ts';
import { MemoryLog } from '../memory/log.ts';
import { verifyShard } from '../postgres/verify.ts';
import { SystemRandom } from '../random.ts';
import { Registry } from '../registry.ts';
import { testBehaviors } from './behaviors.ts';

const shards = 8;
const registry = new Registry(testBehaviors);

/** Waits for a condition, giving way to everything else. The test's own time limit ends it. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

/** Lets everything that is under way come as far as it can without anybody's help. */
export async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

/**
 * A process: while it is dead nothing it asked for comes back to it, and nothing calls it; while it is paused, all of that
 * waits.
 */
interface Life {
  alive: boolean;
  paused: { readonly over: Promise<void> } | undefined;
}

/** A port as one process has it. What it does not wait for (a clock's time) is told also to who is paused. */
function portOf<T extends object>(target: T, life: Life, waits = true): T {
  const never = new Promise<never>(() => {});
  const guarded = (value: unknown): unknown =>
    typeof value === 'function'
      ? (...args: unknown[]): unknown => {
          if (life.paused) return life.paused.over.then(() => (life.alive ? value(...args) : undefined));
          return life.alive ? value(...args) : undefined;
        }
      : value;
  const back = async (): Promise<void> => {
    while (life.paused) await life.paused.over;
    if (!life.alive) await never;
  };
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name, of);
      if (typeof value !== 'function') return value;
      const call = (...args: unknown[]): unknown => {
        if (!life.alive) return never;
        if (life.paused && waits) return life.paused.over.then(() => call(...args));
        const result: unknown = value.apply(of, args.map(guarded));
        return result instanceof Promise
          ? result.then(
              (got) => (life.alive && !life.paused ? got : back().then(() => got)),
              (error: unknown) => back().then(() => Promise.reject(error)),
            )
          : result;
      };
      return call;
    },
  });
}

/** Kernels on a log and a bus in memory, and clients that ask them. */
export class World {
  readonly clock: Clock;
  readonly log: MemoryLog;
  readonly bus: MemoryBus;
  readonly kernels: Kernel[] = [];
  /** What operators are told of at level error, and what should end the process. */
  readonly defects: unknown[] = [];
  readonly warnings: string[] = [];
  readonly #lives = new Map<Kernel, Life>();
  #newest: Life | undefined;
  #counter = 0;

  constructor(clock: Clock = new SystemClock(), bus: MemoryBusOptions = {}) {
    this.clock = clock;
    this.log = new MemoryLog(clock, new SystemRandom(), shards);
    this.bus = new MemoryBus(clock, bus);
  }

  /** A kernel that has not claimed its shards yet when it is returned. */
  async launch(more: Partial<KernelOptions> = {}): Promise<Kernel> {
    const life: Life = { alive: true, paused: undefined };
    this.#newest = life;
    const kernel = await startKernel({
      log: portOf(this.log, life),
      bus: portOf(this.bus, life),
      clock: portOf(this.clock, life, false),
      random: new SystemRandom(),
      logger: {
        info: () => {},
        warn: (_fields, message) => this.warnings.push(message),
        error: (fields) => this.defects.push(fields),
      },
      behaviors: testBehaviors,
      translate: (publication) => {
        const [verb, name = 'published'] = publication.verb.split(':');
        if (verb === 'box.broken') throw new TypeError('a defect of the translation');
        if (verb !== 'box.open') throw new AstraError('rejected', 'invalid_input', 'unknown verb');
        const body = JSON.parse(Buffer.from(publication.payload).toString()) as Json;
        const { replyTo } = publication;
        const to = name === 'nowhere' ? 'bx_nowhere' : boxId(name);
        return this.envelope('open', to, body, replyTo === undefined ? {} : { replyTo });
      },
      parkPublication: (publication, problem, unique) => ({
        to: { org: 'o', type: 'dead-letter', id: derivedId('dl', unique) },
        verb: 'park',
        id: unique,
        body: { error: problem as unknown as Json, payload: Buffer.from(publication.payload).toString() },
        principal: 'kernel',
        correlationId: unique,
        hops: 0,
      }),
      idempotencyDays: 7,
      eventsFor: () => true,
      onDefect: (error) => this.defects.push(error),
      ...more,
    });
    this.#lives.set(kernel, life);
    if (life.alive) this.kernels.push(kernel);
    return kernel;
  }

  /** A kernel that owns and runs its share of the shards: all of them, while it is alone. */
  async start(more: Partial<KernelOptions> = {}): Promise<Kernel> {
    const kernel = await this.launch(more);
    await kernel.ready;
    return kernel;
  }

  /** Kills a kernel's process; its leases are over at once. */
  async crash(kernel: Kernel): Promise<void> {
    (this.#lives.get(kernel) as Life).alive = false;
    this.kernels.splice(this.kernels.indexOf(kernel), 1);
    this.log.expire(kernel.owner);
  }

  /** Kills a kernel's process: the others have to find out. */
  kill(kernel: Kernel): void {
    (this.#lives.get(kernel) as Life).alive = false;
    this.kernels.splice(this.kernels.indexOf(kernel), 1);
  }

  /** Suspends a kernel's process (SIGSTOP) until what is returned is called. */
  pause(kernel: Kernel): () => void {
    const life = this.#lives.get(kernel) as Life;
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = () => {
        life.paused = undefined;
        resolve();
      };
    });
    life.paused = { over };
    return end;
  }

  /** How many shards each kernel owns by the log, in the order in which they were launched. */
  async owned(): Promise<readonly number[]> {
    const heads = await this.log.heads();
    return this.kernels.map((kernel) => heads.filter(({ owner }) => owner === kernel.owner).length);
  }

  /** The only kernel's process dies at once, from within, whether it has come up or not. */
  die(): void {
    if (this.#newest) this.#newest.alive = false;
    this.kernels.length = 0;
    this.log.expire();
  }

  /** Whether the newest kernel's process is dead. */
  get dead(): boolean {
    return this.#newest?.alive === false;
  }

  async end(): Promise<void> {
    for (const kernel of this.kernels) await kernel.stop();
  }

  envelope(verb: string, to: string, body: Json, more: Partial<Envelope> = {}): Envelope {
    const unique = `cmd-${++this.#counter}`;
    const type = to.startsWith('ns_') ? (to.includes('.') ? 'egg' : 'nest') : 'box';
    return {
      to: { org: 'o', type, id: to },
      verb,
      id: unique,
      body,
      principal: 'key:test',
      correlationId: unique,
      hops: 0,
      ...more,
    };
  }

  homeOf(to: Address): Shard {
    return registry.shardOf(to, shards) as Shard;
  }

  /** Puts a command on its lane. */
  async send(verb: string, to: string, body: Json = {}, more: Partial<Envelope> = {}): Promise<void> {
    const envelope = this.envelope(verb, to, body, more);
    await this.bus.sendCommand(this.homeOf(envelope.to), envelope);
  }

  /** Puts a command on its lane and waits for its answer. */
  async ask(verb: string, to: string, body: Json = {}, more: Partial<Envelope> = {}): Promise<Reply> {
    const { replyTo, answers } = this.answers();
    await this.send(verb, to, body, { replyTo, ...more });
    await eventually(() => answers.length > 0);
    return answers[0] as Reply;
  }

  /** The shard of this box waits for an actor that is loaded, until what comes back is called. */
  occupy(box: string): () => void {
    const { readActors } = this.log;
    let arrived = (): void => {};
    const all = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    this.log.readActors = (...args) => all.then(() => readActors.apply(this.log, args));
    for (let i = 0; ; i++) {
      const cold = boxId(`cold${i}`);
      if (homeOf(cold) !== homeOf(box)) continue;
      void this.ask('add', cold);
      return () => {
        this.log.readActors = readActors;
        arrived();
      };
    }
  }

  /** A subject for answers, and what came there. */
  answers(): { readonly replyTo: string; readonly answers: readonly (Reply | readonly Reply[])[] } {
    const replyTo = `astra.reply.o.${++this.#counter}`;
    const answers: (Reply | readonly Reply[])[] = [];
    this.bus.onReply(replyTo, (reply) => answers.push(reply));
    return { replyTo, answers };
  }

  events(): EventRecord[] {
    return Array.from({ length: shards }, (_, i) =>
      this.log.all(i as Shard).map((stored) => openEvent(stored, registry)),
    ).flat();
  }

  /** How many events a shard has; cheaper than to read them. */
  size(of: Shard): number {
    return this.log.all(of).length;
  }

  of(actorId: string): EventRecord[] {
    return this.events().filter(({ actor }) => actor.id === actorId);
  }

  /** Whether every shard's log is dense, and chained as it has to be (I2, I9). */
  async verified(): Promise<boolean> {
    const heads = await this.log.heads();
    const results = await Promise.all(heads.map((head) => verifyShard(this.log, 'memory', head.shard, head)));
    return results.every(({ flaw }) => flaw === undefined);
  }
}

export const boxId = (name: string): string => derivedId('bx', name);

export const homeOf = (box: string): Shard =>
  shardOf({ org: 'o', type: 'box', id: box }, { prefix: 'bx' } as IdFormat, shards);

/** Two boxes on different shards. */
export function apart(): [string, string] {
  const first = boxId('a');
  for (let i = 0; ; i++) if (homeOf(boxId(`b${i}`)) !== homeOf(first)) return [first, boxId(`b${i}`)];
}

/** Two boxes on one shard. */
export function together(): [string, string] {
  const first = boxId('a');
  for (let i = 0; ; i++) if (homeOf(boxId(`c${i}`)) === homeOf(first)) return [first, boxId(`c${i}`)];
}
