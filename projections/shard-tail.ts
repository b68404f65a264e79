import { type Seq, type Shard, seq } from '../kernel/brand.ts';
import type { StoredEvent } from '../kernel/event.ts';
import { eventHash } from '../kernel/hash.ts';
import { pendingEventsMax } from './bounds.ts';

/** Where events came from: Postgres is the truth, LOG only says it earlier. */
export type EventSource = 'log' | 'store';

interface Piece {
  readonly events: readonly StoredEvent[];
  readonly source: EventSource;
}

/** Bytes that wait, over all shards of an engine. */
export interface PendingBudget {
  bytes: number;
  readonly bytesMax: number;
}

export type NextCommit =
  | { readonly kind: 'commit'; readonly events: readonly StoredEvent[] }
  /** What follows by number is chained to another history (I9). */
  | { readonly kind: 'unlinked'; readonly source: EventSource }
  | { readonly kind: 'none' };

const none: NextCommit = { kind: 'none' };

/**
 * Puts a shard's commits in order: pieces arrive lost, doubled, reordered, late and in parts; whole commits leave, each
 * right behind the one before it by number (I2) and by hash (I9).
 */
export class ShardTail {
  readonly shard: Shard;
  readonly #budget: PendingBudget;
  /** By seq of their first event; each is (a part of) one commit. */
  readonly #pending = new Map<number, Piece>();
  #pendingEvents = 0;
  #applied: Seq = seq(0);
  #hash: Buffer;

  constructor(shard: Shard, genesis: Buffer, budget: PendingBudget) {
    this.shard = shard;
    this.#hash = genesis;
    this.#budget = budget;
  }

  /** Seq of the last event applied: always the end of a commit. */
  get applied(): Seq {
    return this.#applied;
  }

  /** The hash of that event. */
  get hash(): Buffer {
    return this.#hash;
  }

  /** Whether anything waits for what comes before it. */
  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Takes events in order of seq, of one commit or of several. What does not fit the bounds is dropped: it is read later. */
  offer(events: readonly StoredEvent[], source: EventSource): void {
    for (let from = 0; from < events.length; ) {
      const { commitSeq } = events[from] as StoredEvent;
      let to = from + 1;
      while (to < events.length && (events[to] as StoredEvent).commitSeq === commitSeq) to++;
      this.#keep(from === 0 && to === events.length ? events : events.slice(from, to), source);
      from = to;
    }
  }

  #keep(events: readonly StoredEvent[], source: EventSource): void {
    const first = events[0] as StoredEvent;
    const last = events[events.length - 1] as StoredEvent;
    if (last.seq <= this.#applied || last.seq - first.seq + 1 !== events.length) return;
    const had = this.#pending.get(first.seq);
    if (had) {
      if (source === 'log' && (had.source === 'store' || had.events.length >= events.length)) return;
      this.#forget(first.seq, had);
    }
    const bytes = bytesOf(events);
    if (
      source === 'log' &&
      first.seq !== this.#applied + 1 &&
      (this.#pendingEvents + events.length > pendingEventsMax || this.#budget.bytes + bytes > this.#budget.bytesMax)
    )
      return;
    this.#pending.set(first.seq, { events, source });
    this.#pendingEvents += events.length;
    this.#budget.bytes += bytes;
  }

  #forget(at: number, piece: Piece): void {
    this.#pending.delete(at);
    this.#pendingEvents -= piece.events.length;
    this.#budget.bytes -= bytesOf(piece.events);
  }

  /** The next whole commit, if all of it is here. It stays until {@link advance}. */
  next(): NextCommit {
    const first = this.#pending.get(this.#applied + 1);
    if (!first) return none;
    if (!eventHash(this.#hash, first.events[0] as StoredEvent).equals((first.events[0] as StoredEvent).hash)) {
      this.#forget(this.#applied + 1, first);
      return { kind: 'unlinked', source: first.source };
    }
    let last = first.events[first.events.length - 1] as StoredEvent;
    if (last.seq === last.commitSeq) return { kind: 'commit', events: first.events };
    const events = [...first.events];
    while (last.seq < last.commitSeq) {
      const part = this.#pending.get(last.seq + 1);
      if (!part) return none;
      for (const event of part.events) events.push(event);
      last = part.events[part.events.length - 1] as StoredEvent;
    }
    return { kind: 'commit', events };
  }

  /** A commit of {@link next} has been applied. */
  advance(events: readonly StoredEvent[]): void {
    const last = events[events.length - 1] as StoredEvent;
    const from = this.#applied + 1;
    this.#applied = last.seq;
    this.#hash = last.hash;
    if (this.#pending.size === 0) return;
    if (events.length < this.#pending.size) {
      for (let at = from; at <= last.seq; at++) {
        const piece = this.#pending.get(at);
        if (piece) this.#forget(at, piece);
      }
    } else for (const [at, piece] of this.#pending) if (at <= last.seq) this.#forget(at, piece);
  }

  /** Gives its share of the budget back. */
  clear(): void {
    for (const [at, piece] of this.#pending) this.#forget(at, piece);
  }
}

const bytesOf = (events: readonly StoredEvent[]): number => {
  let bytes = 0;
  for (const event of events) bytes += event.body.length + 200;
  return bytes;
};
