interface Alarm {
  readonly atMs: number;
  readonly order: number;
  readonly ring: () => void;
  off: boolean;
}

/**
 * The one time of a run: it passes only from one alarm to the next, and only when everything that the last one set going has
 * come as far as it can. So the order of all that happens follows from the alarms alone, and those from the seed.
 */
export class Time {
  nowMs = 0;
  steps = 0;
  /** Grows with everything that anybody asks of anybody: while it does, something is under way. */
  activity = 0;
  readonly #heap: Alarm[] = [];
  #order = 0;

  after(ms: number, ring: () => void): () => void {
    const alarm: Alarm = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, ring, off: false };
    this.#push(alarm);
    return () => {
      alarm.off = true;
    };
  }

  /** Rings the next alarm; false when there is none. */
  async step(): Promise<boolean> {
    let alarm = this.#pop();
    while (alarm?.off) alarm = this.#pop();
    if (!alarm) return false;
    this.nowMs = alarm.atMs;
    this.steps++;
    alarm.ring();
    await this.settle();
    return true;
  }

  /** Lets everything that is under way come as far as it can without time passing. */
  async settle(): Promise<void> {
    for (let before = -1; before !== this.activity; ) {
      before = this.activity;
      await nextTurn();
    }
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(alarm);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(alarm, heap[parent] as Alarm)) break;
      heap[at] = heap[parent] as Alarm;
      at = parent;
    }
    heap[at] = alarm;
  }

  #pop(): Alarm | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Alarm, heap[child] as Alarm)) child++;
      if (!before(heap[child] as Alarm, last)) break;
      heap[at] = heap[child] as Alarm;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

/** What is under way has gone on by then. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const before = (a: Alarm, b: Alarm): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
