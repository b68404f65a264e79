import type { Work } from './behavior.ts';
import { priorityAgeingMs, sameFamilySpacingMs } from './bounds.ts';
import type { Live } from './live.ts';

export type ReadyWork = Extract<Work, { phase: 'ready' }>;

interface Waiting {
  readonly live: Live;
  readonly work: ReadyWork;
  /** Microseconds: the least goes first. */
  readonly rank: number;
  /** Among equals, who came first. */
  readonly order: number;
}

/** Stale entries beyond this many, and beyond half of all, are thrown out. */
const staleMin = 64;

/**
 * The ready tasks of a route, by rank: `since + priority × ageing + n × spacing`, n being how many of the same family waited
 * already. So a task of priority p waits as one of p − 1 that became ready one ageing later, the n-th of a family as a lone one
 * that became ready n spacings later, and a rank never changes: whoever becomes ready later than a task's rank goes behind it,
 * so nothing starves, and no timer re-sorts anything.
 */
export class ReadyQueue {
  /** A binary heap; those that are not wanted any more are skipped when they come up. */
  #heap: Waiting[] = [];
  readonly #families = new Map<Live, number>();
  #order = 0;
  #waiting = 0;
  /** Whether it still waits here. */
  readonly #waits: (live: Live, work: ReadyWork) => boolean;

  constructor(waits: (live: Live, work: ReadyWork) => boolean) {
    this.#waits = waits;
  }

  get waiting(): number {
    return this.#waiting;
  }

  push(live: Live, work: ReadyWork): void {
    const family = live.head ?? live;
    const n = this.#families.get(family) ?? 0;
    this.#families.set(family, n + 1);
    this.#waiting++;
    const rank = work.since + (work.priority * priorityAgeingMs + n * sameFamilySpacingMs) * 1000;
    this.#heap.push({ live, work, rank, order: this.#order++ });
    this.#rise(this.#heap.length - 1);
  }

  /** One that waited does not any more: it was taken, or wants no worker now. */
  forget(live: Live): void {
    const family = live.head ?? live;
    const n = (this.#families.get(family) ?? 1) - 1;
    if (n === 0) this.#families.delete(family);
    else this.#families.set(family, n);
    this.#waiting--;
    const stale = this.#heap.length - this.#waiting;
    if (stale > staleMin && stale * 2 > this.#heap.length) this.#clean();
  }

  /** The rank of who goes first; undefined when nobody waits. */
  peek(): number | undefined {
    for (let top = this.#heap[0]; top; top = this.#heap[0]) {
      if (this.#waits(top.live, top.work)) return top.rank;
      this.#drop();
    }
    return undefined;
  }

  /** Takes who goes first: behind a {@link peek} that found somebody. */
  take(): Live {
    const { live } = this.#heap[0] as Waiting;
    this.#drop();
    this.forget(live);
    return live;
  }

  #clean(): void {
    // What is in order stays a heap.
    this.#heap = this.#heap.filter(({ live, work }) => this.#waits(live, work)).sort(byRank);
  }

  #drop(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const rising = heap[from] as Waiting;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (byRank(heap[above] as Waiting, rising) <= 0) break;
      heap[at] = heap[above] as Waiting;
      at = above;
    }
    heap[at] = rising;
  }

  #sink(): void {
    const heap = this.#heap;
    const sinking = heap[0] as Waiting;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && byRank(heap[below + 1] as Waiting, heap[below] as Waiting) < 0) below++;
      if (byRank(sinking, heap[below] as Waiting) <= 0) break;
      heap[at] = heap[below] as Waiting;
      at = below;
    }
    heap[at] = sinking;
  }
}

const byRank = (one: Waiting, other: Waiting): number => one.rank - other.rank || one.order - other.order;
