import { Heap } from '../../kernel/heap.ts';

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
  readonly #alarms = new Heap<Alarm>(
    (one, other) => one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order),
  );
  #order = 0;

  after(ms: number, ring: () => void): () => void {
    const alarm: Alarm = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, ring, off: false };
    this.#alarms.push(alarm);
    return () => {
      alarm.off = true;
    };
  }

  /** Rings the next alarm; false when there is none. */
  async step(): Promise<boolean> {
    let alarm = this.#alarms.pop();
    while (alarm?.off) alarm = this.#alarms.pop();
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
}

/** What is under way has gone on by then. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
