import type { Bus, BusState, Publication, Subscription } from '../../kernel/bus.ts';
import type { CommitTail } from '../../kernel/edge.ts';
import type { Json } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';
import { decodeCommit } from '../../kernel/log-message.ts';
import type { MemoryBus } from '../../kernel/memory/bus.ts';
import type { Dice } from './dice.ts';
import type { Fate, SimProcess } from './process.ts';

/** A publication that was not acknowledged for so long comes again. */
const ackWaitMs = 10_000;

/** What is sent and not answered. */
const told = new Set<string | symbol>(['reply', 'sendLog', 'sendHeads', 'sendStats', 'sendControl']);
/** What arrives in the order in which it was sent. */
const ordered = new Set<string>(['sendCommand', 'sendChannel', 'sendWork', 'sendEvents', 'purge']);
/** What whoever watches is told of when it arrives. */
const watched = new Set<string>([...ordered, 'recreate']);
const makesStreams = new Set<string>(['inspect', 'recreate']);
/** What a publisher may send twice: receivers tell them apart. */
const doubled = new Set<string>(['sendChannel', 'sendWork', 'sendEvents']);

export interface NetworkObserver {
  /** A process has let this out. */
  sent(process: SimProcess, name: string, args: readonly unknown[]): void;
}

/** NATS: the bus in memory on its own machine, and the ways to it. */
export class Network {
  readonly bus: MemoryBus;
  /** How likely a message, or the answer to one, is lost; half as likely it comes twice. */
  trouble = 0;
  /** Its storage is gone, and nobody has made the streams anew: nothing can be published. */
  isBare = false;
  /** What waits on lanes comes to their readers in one piece. */
  isBunched = false;
  readonly #observer: NetworkObserver;

  constructor(bus: MemoryBus, observer: NetworkObserver) {
    this.bus = bus;
    this.#observer = observer;
  }

  /** The bus as one process has it. */
  portOf(process: SimProcess): Bus {
    const { bus } = this;
    return new Proxy(bus as Bus, {
      get: (_bus, name: string) => {
        const value = Reflect.get(bus, name, bus) as unknown;
        if (typeof value !== 'function') return value;
        const method = value as (...args: readonly unknown[]) => unknown;
        if (name === 'onConnection')
          return (listener: (state: 'lost' | 'back') => void) =>
            bus.onConnection((state) => void process.time.after(1, () => process.pass(() => listener(state))));
        if (told.has(name))
          return (...args: readonly unknown[]) => {
            if (process.state === 'dead') return;
            this.#observer.sent(process, name, args);
            this.tell(process, () => void method.apply(bus, args as unknown[]));
          };
        return (...args: readonly unknown[]) =>
          this.#call(process, name, async () => {
            if (this.isBare && ordered.has(name)) throw unavailable();
            if (watched.has(name)) this.#observer.sent(process, name, args);
            const asked = method.apply(
              bus,
              args.map((arg) => this.#listening(process, name, arg)),
            ) as Promise<unknown>;
            return makesStreams.has(name) ? asked.then((state) => this.#made(state)) : asked;
          });
      },
    });
  }

  /** What a gateway hears. */
  tailOf(process: SimProcess): CommitTail {
    const { bus } = this;
    const hear = (deliver: () => void): void => this.deliver(process, deliver);
    return {
      onCommit: async (deliver) =>
        kept(
          process,
          bus.onLog((_shard, message) => hear(() => deliver(decodeCommit(message)))),
        ),
      onHeads: async (listener) => kept(process, await bus.onHeads((heads) => hear(() => listener(heads)))),
      onStats: async (listener) =>
        kept(
          process,
          bus.onStats((owner, stats) => hear(() => listener(owner, stats as Json))),
        ),
      onConnection: (listener) =>
        bus.onConnection((state) => void process.time.after(1, () => process.pass(() => listener(state)))),
    };
  }

  /** Sends something that nobody answers: it may be lost, doubled or late. */
  tell(process: SimProcess, act: () => void): void {
    for (let copies = this.#copies(process.dice); copies > 0; copies--)
      process.tell(this.#delay(process.dice), () => {
        if (this.bus.up) act();
      });
  }

  /** Something comes to a process, or does not, or twice. */
  deliver(process: SimProcess, act: () => void): void {
    for (let copies = this.#copies(process.dice); copies > 0; copies--)
      process.time.after(this.#delay(process.dice), () => process.pass(act));
  }

  /** Asks the bus for something. */
  ask<T>(process: SimProcess, act: () => Promise<T>): Promise<T> {
    return process.call(this.#fate(process, 'sendCommand'), async () => {
      if (this.isBare) throw unavailable();
      return act();
    });
  }

  /** `forgot` is said of a bus that is left as it is. */
  #made<T>(state: T): T {
    if ((state as BusState | undefined)?.state !== 'forgot') this.isBare = false;
    return state;
  }

  #call(process: SimProcess, name: string, act: () => Promise<unknown>): Promise<unknown> {
    const twice = doubled.has(name) && process.dice.chance(this.trouble / 2);
    return process
      .call(this.#fate(process, name), async () => {
        if (twice) await act();
        const result = await act();
        // Also when nobody is told that it is there: what is dead is reached by nothing.
        if (isSubscription(result)) process.onDeath(() => void result.stop());
        return result;
      })
      .then((result) => (isSubscription(result) ? this.#subscription(process, result) : result));
  }

  #subscription(process: SimProcess, of: Subscription): Subscription {
    return { stop: () => process.call(this.#fate(process, 'stop'), () => of.stop()) };
  }

  /** What the bus calls comes to the process as messages do. */
  #listening(process: SimProcess, name: string, arg: unknown): unknown {
    if (typeof arg !== 'function') return arg;
    const listener = arg as (...args: readonly unknown[]) => unknown;
    if (name === 'openIngress')
      return (publication: Publication) => this.#handled(process, () => listener(publication));
    if (name === 'onHeartbeat')
      return (...args: readonly unknown[]) => this.deliver(process, () => void listener(...args));
    // A lane and a channel keep their order: the next one comes when this one is taken.
    const bunch: (readonly unknown[])[] = [];
    return (...args: readonly unknown[]) => {
      if (name === 'openLane' && (this.isBunched || bunch.length > 0)) {
        if (bunch.length === 0)
          process.time.after(this.#delay(process.dice), () => {
            for (const each of bunch.splice(0)) process.pass(() => void listener(...each));
          });
        return void bunch.push(args);
      }
      return new Promise<void>((taken) => {
        process.time.after(this.#delay(process.dice), () =>
          process.pass(() => void Promise.resolve(listener(...args)).then(() => taken())),
        );
      });
    };
  }

  #handled(process: SimProcess, handle: () => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(unacknowledged);
      process.onDeath(gone);
      process.time.after(ackWaitMs, gone);
      process.time.after(this.#delay(process.dice), () =>
        process.pass(() => void Promise.resolve(handle()).then(() => resolve(), reject)),
      );
    });
  }

  #copies(dice: Dice): number {
    const chance = dice.number();
    return chance < this.trouble ? 0 : chance < this.trouble * 1.5 ? 2 : 1;
  }

  #delay(dice: Dice): number {
    return dice.chance(this.trouble) ? dice.between(1, 400) : dice.between(0.05, 0.5);
  }

  #fate(process: SimProcess, name: string): Fate {
    const { dice } = process;
    const drawn = this.#delay(dice);
    const requestMs = ordered.has(name) ? process.inOrder(drawn) : drawn;
    const responseMs = this.#delay(dice);
    if (!dice.chance(this.trouble)) return { requestMs, responseMs };
    return {
      requestMs,
      responseMs: responseMs + dice.between(100, 2000),
      lost: dice.pick(['request', 'response']),
      error: unavailable,
    };
  }
}

function kept(process: SimProcess, subscription: Subscription): Subscription {
  process.onDeath(() => void subscription.stop());
  return subscription;
}

const unacknowledged = new Error('the publication was not acknowledged');

const isSubscription = (value: unknown): value is Subscription =>
  typeof value === 'object' && value !== null && 'stop' in value;

const unavailable = (): Error => new AstraError('unavailable', 'bus_unavailable', 'the bus does not answer');
