import { inboxBytesMax, inboxCommandsMax, inboxMessagesMax } from './bounds.ts';

/** Consumed places before the list is cut. */
const spentMax = 4096;

/** What waits in all inboxes of a process. */
export interface Load {
  bytes: number;
}

/** Messages from the bus that wait to be decided: first in, first out; their reader is held back while there are too many. */
export class Inbox<T> {
  readonly #commandsOf: (message: T) => number;
  readonly #bytesOf: (message: T) => number;
  readonly #load: Load;
  #messages: (T | undefined)[] = [];
  #head = 0;
  #commands = 0;
  #bytes = 0;
  #arrived = 0;
  #held: (() => void)[] = [];

  constructor(commandsOf: (message: T) => number, bytesOf: (message: T) => number, load: Load) {
    this.#commandsOf = commandsOf;
    this.#bytesOf = bytesOf;
    this.#load = load;
  }

  get empty(): boolean {
    return this.#head === this.#messages.length;
  }

  get commands(): number {
    return this.#commands;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many messages have ever come. */
  get arrived(): number {
    return this.#arrived;
  }

  /** Whether a part of one of its bounds is reached. */
  #reaches(part: number): boolean {
    return (
      this.#commands >= inboxCommandsMax * part ||
      this.#bytes >= inboxBytesMax * part ||
      this.#messages.length - this.#head >= inboxMessagesMax * part
    );
  }

  /** The promise holds the reader back until there is room again. */
  push(message: T): void | Promise<void> {
    this.#messages.push(message);
    this.#arrived++;
    this.#commands += this.#commandsOf(message);
    this.#weigh(this.#bytesOf(message));
    if (this.#reaches(1)) return new Promise((resolve) => this.#held.push(resolve));
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
    this.#weigh(-this.#bytesOf(message));
    if (this.#held.length > 0 && !this.#reaches(0.5)) this.#release();
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
    this.#weigh(-this.#bytes);
    this.#release();
  }

  #weigh(bytes: number): void {
    this.#bytes += bytes;
    this.#load.bytes += bytes;
  }

  #release(): void {
    if (this.#held.length > 0) for (const resolve of this.#held.splice(0)) resolve();
  }
}
