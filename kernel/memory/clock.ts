import { type Micros, micros } from '../brand.ts';
import type { Clock } from '../clock.ts';

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is moved: for tests and simulation. Alarms ring in order of their time. */
export class ManualClock implements Clock {
  #nowMs: number;
  #offsetUs = 0;
  #last = 0;
  #order = 0;
  #alarms: Alarm[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  now(): Micros {
    this.#last = Math.max(this.#last, Math.round(this.#nowMs * 1000) + this.#offsetUs);
    return micros(this.#last);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  anchor(databaseNow: Micros, atMonotonicMs: number): void {
    this.#offsetUs = databaseNow - Math.round(atMonotonicMs * 1000);
  }

  after(delayMs: number, callback: () => void): () => void {
    const alarm = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  /** How many alarms are set. */
  get alarms(): number {
    return this.#alarms.length;
  }

  /** Moves time on, ringing every alarm on the way at its own time. */
  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (;;) {
      const next = this.#alarms
        .filter(({ atMs }) => atMs <= end)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!next) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = end;
  }
}
