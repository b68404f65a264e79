import type { Shard } from '../brand.ts';
import type { Subscription } from '../bus.ts';

/** Delivers in order, one at a time. */
class Reader<T> {
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

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
  }
}

/** The readers of each shard's stream. */
export class Readers<T> {
  #readers: { readonly shard: Shard; readonly reader: Reader<T> }[] = [];

  /** A reader of what is held, and then of what comes. */
  open(shard: Shard, held: readonly T[], deliver: (message: T) => void | Promise<void>): Subscription {
    const one = { shard, reader: new Reader(deliver) };
    this.#readers.push(one);
    one.reader.push(...held);
    return {
      stop: async () => {
        this.#readers = this.#readers.filter((other) => other !== one);
        one.reader.stop();
      },
    };
  }

  push(shard: Shard, message: T): void {
    for (const one of this.#readers) if (one.shard === shard) one.reader.push(message);
  }

  clear(): void {
    for (const { reader } of this.#readers.splice(0)) reader.stop();
  }
}
