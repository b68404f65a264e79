import type { Head, Subscription } from '../../kernel/bus.ts';
import type { CommitTail, LoggedCommit } from '../../kernel/edge.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { StoredEvent } from '../../kernel/event.ts';
import { decodeCommit, encodeCommit } from '../../kernel/log-message.ts';

/** The tail as a test plays it: every message is real bytes, and the test says which arrives, when and how often. */
export class BusTail implements CommitTail {
  readonly #commits = new Set<(commit: LoggedCommit) => void>();
  readonly #heads = new Set<(heads: readonly Head[]) => void>();
  readonly #stats = new Set<(owner: string, stats: Json) => void>();
  readonly #connections: ((state: 'lost' | 'back') => void)[] = [];
  up = true;

  async onCommit(deliver: (commit: LoggedCommit) => void): Promise<Subscription> {
    return this.#subscribe(this.#commits, deliver);
  }

  async onHeads(listener: (heads: readonly Head[]) => void): Promise<Subscription> {
    return this.#subscribe(this.#heads, listener);
  }

  async onStats(listener: (owner: string, stats: Json) => void): Promise<Subscription> {
    return this.#subscribe(this.#stats, listener);
  }

  onConnection(listener: (state: 'lost' | 'back') => void): void {
    this.#connections.push(listener);
  }

  get subscribed(): boolean {
    return this.#commits.size > 0 && this.#heads.size > 0;
  }

  /** A commit as messages of at most this size. */
  messages(events: readonly StoredEvent[], messageBytesMax = 8 * 1024 * 1024): readonly Buffer[] {
    return encodeCommit(events, messageBytesMax);
  }

  deliver(...messages: readonly Buffer[]): void {
    if (!this.up) return;
    for (const message of messages) for (const deliver of this.#commits) deliver(decodeCommit(message));
  }

  announce(heads: readonly Head[]): void {
    if (this.up) for (const listener of this.#heads) listener(heads);
  }

  /** What a kernel shows of itself. */
  show(owner: string, stats: Json): void {
    if (this.up) for (const listener of this.#stats) listener(owner, stats);
  }

  connection(state: 'lost' | 'back'): void {
    this.up = state === 'back';
    for (const listener of this.#connections) listener(state);
  }

  #subscribe<T>(listeners: Set<T>, listener: T): Subscription {
    if (!this.up) throw new Error('the bus does not answer');
    listeners.add(listener);
    return {
      stop: async () => {
        listeners.delete(listener);
      },
    };
  }
}
