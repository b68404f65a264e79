import { inboxCommandsMax } from './bounds.ts';

/** Consumed places before the list is cut. */
const spentMax = 4096;

/** Messages from the bus that wait to be decided: first in, first out; their reader is held back while there are too many. */
export class Inbox<T> {
  readonly #commandsOf: (message: T) => number;
  #messages: (T | undefined)[] = [];
  #head = 0;
  #commands = 0;
  #held: (() => void)[] = [];

  constructor(commandsOf: (message: T) => number) {
    this.#commandsOf = commandsOf;
  }

  get empty(): boolean {
    return this.#head === this.#messages.length;
  }

  get commands(): number {
    return this.#commands;
  }

  /** The promise holds the reader back until there is room again. */
  push(message: T): void | Promise<void> {
    this.#messages.push(message);
    this.#commands += this.#commandsOf(message);
    if (this.#commands >= inboxCommandsMax) return new Promise((resolve) => this.#held.push(resolve));
  }

  shift(): T | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#messages[this.#head++] = undefined;
    if (this.#head === this.#messages.length || this.#head > spentMax) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    this.#commands -= this.#commandsOf(message);
    if (this.#commands < inboxCommandsMax / 2) this.#release();
    return message;
  }

  /** The next ones, without taking them. */
  *ahead(count: number): Generator<T> {
    const end = Math.min(this.#messages.length, this.#head + count);
    for (let i = this.#head; i < end; i++) yield this.#messages[i] as T;
  }

  clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#commands = 0;
    this.#release();
  }

  #release(): void {
    if (this.#held.length > 0) for (const resolve of this.#held.splice(0)) resolve();
  }
}
