import { indexChunkMax } from './bounds.ts';

/** What lists are ordered by: `(createdAt, position)`, and the place within one event's creations. */
export interface Ordered {
  /** Microseconds. */
  readonly createdAt: number;
  readonly shard: number;
  readonly seq: number;
  /** Place among what one event created (the tasks of a plan); absent: 0. */
  readonly ordinal?: number;
}

export const order = (of: Ordered): number => of.ordinal ?? 0;

/** Less than 0 when `a` is older. */
export const compareOrdered = (a: Ordered, b: Ordered): number =>
  a.createdAt - b.createdAt || a.shard - b.shard || a.seq - b.seq || order(a) - order(b);

/**
 * Items in order, in chunks of at most {@link indexChunkMax}: inserting, removing and seeking take a search over the
 * chunks and one in a chunk; appending the newest, which is nearly every insert, touches only the last chunk.
 */
export class OrderedIndex<T extends Ordered> {
  readonly #chunks: T[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds an item; one that is in already is left as it is. */
  add(item: T): void {
    const last = this.#chunks.at(-1);
    if (!last || compareOrdered(last.at(-1) as T, item) < 0) {
      if (last && last.length < indexChunkMax) last.push(item);
      else this.#chunks.push([item]);
      this.#size++;
      return;
    }
    const at = this.#chunkFor(item);
    const chunk = this.#chunks[at] as T[];
    const place = lowerBound(chunk, item);
    const there = chunk[place];
    if (there && compareOrdered(there, item) === 0) return;
    chunk.splice(place, 0, item);
    this.#size++;
    if (chunk.length > indexChunkMax) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
  }

  delete(item: Ordered): void {
    if (this.#size === 0) return;
    const at = this.#chunkFor(item);
    const chunk = this.#chunks[at] as T[];
    const place = lowerBound(chunk, item);
    const there = chunk[place];
    if (!there || compareOrdered(there, item) !== 0) return;
    if (place === chunk.length - 1) chunk.pop();
    else chunk.splice(place, 1);
    this.#size--;
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** The oldest item. */
  get oldest(): T | undefined {
    return this.#chunks[0]?.[0];
  }

  /** From the newest, or from the newest that is older than (or, with `inclusive`, as old as) `from`. */
  *newestFirst(from?: Ordered, inclusive = false): Generator<T, void, void> {
    if (this.#size === 0) return;
    let at = from ? this.#chunkFor(from) : this.#chunks.length - 1;
    let chunk = this.#chunks[at] as T[];
    let place = chunk.length - 1;
    if (from) {
      place = lowerBound(chunk, from);
      const there = chunk[place];
      if (!inclusive || !there || compareOrdered(there, from) !== 0) place--;
    }
    for (;;) {
      for (; place >= 0; place--) yield chunk[place] as T;
      if (--at < 0) return;
      chunk = this.#chunks[at] as T[];
      place = chunk.length - 1;
    }
  }

  /** The first chunk whose last item is not older than `item`; the last chunk when there is none. */
  #chunkFor(item: Ordered): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const chunk = this.#chunks[middle] as T[];
      if (compareOrdered(chunk[chunk.length - 1] as T, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The first place whose item is not older than `item`. */
function lowerBound<T extends Ordered>(chunk: readonly T[], item: Ordered): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareOrdered(chunk[middle] as T, item) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
