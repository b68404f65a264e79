import type { Work } from './behavior.ts';
import { priorityAgeingMs, sameFamilySpacingMs } from './bounds.ts';
import { Heap } from './heap.ts';
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
  /** Those that are not wanted any more are skipped when they come up. */
  readonly #heap = new Heap<Waiting>(
    (one, other) => one.rank < other.rank || (one.rank === other.rank && one.order < other.order),
  );
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
  }

  /** One that waited does not any more: it was taken, or wants no worker now. */
  forget(live: Live): void {
    const family = live.head ?? live;
    const n = (this.#families.get(family) ?? 1) - 1;
    if (n === 0) this.#families.delete(family);
    else this.#families.set(family, n);
    this.#waiting--;
    const stale = this.#heap.size - this.#waiting;
    if (stale > staleMin && stale * 2 > this.#heap.size)
      this.#heap.keep(({ live: other, work }) => this.#waits(other, work));
  }

  /** The rank of who goes first; undefined when nobody waits. */
  peek(): number | undefined {
    for (let top = this.#heap.peek(); top; top = this.#heap.peek()) {
      if (this.#waits(top.live, top.work)) return top.rank;
      this.#heap.pop();
    }
    return undefined;
  }

  /** Takes who goes first: behind a {@link peek} that found somebody. */
  take(): Live {
    const { live } = this.#heap.pop() as Waiting;
    this.forget(live);
    return live;
  }
}
