import type { Micros } from '../kernel/brand.ts';
import { Histogram } from '../kernel/histogram.ts';
import { statsSlotMs, statsSlots } from './bounds.ts';
import type { LatencyView } from './stats-view.ts';

export type Rate = 'goalsSubmitted' | 'goalsFinished' | 'tasksQueued' | 'tasksFinished' | 'attemptsFailed';
export type Latency = 'scheduling' | 'pickup' | 'execution' | 'endToEnd';

interface Slot {
  /** Which span of time it is of. */
  readonly index: number;
  readonly rates: Record<Rate, number>;
  readonly latencies: Record<Latency, Histogram>;
}

const slotMicros = statsSlotMs * 1000;
const windowMs = statsSlotMs * statsSlots;

/**
 * How much an org did, and how fast, within the last few minutes: by the events' own times, in slots of fixed size, so that
 * it is the same on every gateway and costs the same under any load.
 */
export class Activity {
  readonly #slots: (Slot | undefined)[] = [];
  #newest = 0;
  #oldestAt: Micros | undefined;

  /** When something happened last, for dropping the orgs that are quiet for longest. */
  get newest(): number {
    return this.#newest;
  }

  happened(rate: Rate, at: Micros): void {
    const slot = this.#slot(at);
    if (slot) slot.rates[rate]++;
  }

  took(latency: Latency, from: Micros | undefined, to: Micros): void {
    if (from === undefined) return;
    this.#slot(to)?.latencies[latency].record(Math.max(0, to - from) / 1000);
  }

  /** What is older than the window is counted nowhere. */
  #slot(at: Micros): Slot | undefined {
    const index = Math.floor(at / slotMicros);
    if (index > this.#newest) this.#newest = index;
    else if (index <= this.#newest - statsSlots) return undefined;
    if (this.#oldestAt === undefined || at < this.#oldestAt) this.#oldestAt = at;
    const place = index % statsSlots;
    const had = this.#slots[place];
    if (had?.index === index) return had;
    const slot: Slot = {
      index,
      rates: { goalsSubmitted: 0, goalsFinished: 0, tasksQueued: 0, tasksFinished: 0, attemptsFailed: 0 },
      latencies: {
        scheduling: new Histogram(),
        pickup: new Histogram(),
        execution: new Histogram(),
        endToEnd: new Histogram(),
      },
    };
    this.#slots[place] = slot;
    return slot;
  }

  /** A second, over the window, or over what has passed of it since the first event. */
  rate(rate: Rate, now: Micros): number {
    let count = 0;
    for (const slot of this.#within(now)) count += slot.rates[rate];
    if (count === 0 || this.#oldestAt === undefined) return 0;
    const seconds = Math.min(windowMs, Math.max(1000, (now - this.#oldestAt) / 1000)) / 1000;
    return Math.round((count / seconds) * 100) / 100;
  }

  latency(latency: Latency, now: Micros): LatencyView {
    const sum = new Histogram();
    for (const slot of this.#within(now)) sum.add(slot.latencies[latency]);
    return sum.summary();
  }

  *#within(now: Micros): Generator<Slot, void, void> {
    const first = Math.floor(now / slotMicros) - statsSlots;
    for (const slot of this.#slots) if (slot && slot.index > first) yield slot;
  }
}
