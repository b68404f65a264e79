import { type Micros, micros } from './brand.ts';

/**
 * The port to time. Kernel time is Postgres's clock, returned by commits and carried on by the monotonic clock
 * (docs/architecture.md, "Ownership and recovery"): clocks of machines may be wrong without harm.
 */
export interface Clock {
  /** The database's time, as far as it is known; never goes back. */
  now(): Micros;
  /** Monotonic milliseconds, for measuring spans in this process. */
  monotonicMs(): number;
  /** Tells the database's time, read at `atMonotonicMs` (the middle of the round trip that brought it). */
  anchor(databaseNow: Micros, atMonotonicMs: number): void;
  /** Calls back once after `delayMs`; returns how to call it off. The callback does not keep a process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The machine's clock. Before the first anchor it answers with the machine's own time. */
export class SystemClock implements Clock {
  #offsetUs = Math.round((performance.timeOrigin || Date.now() - performance.now()) * 1000);
  #last = 0;

  now(): Micros {
    const at = this.#offsetUs + Math.floor(performance.now() * 1000);
    if (at > this.#last) this.#last = at;
    return micros(this.#last);
  }

  monotonicMs(): number {
    return performance.now();
  }

  anchor(databaseNow: Micros, atMonotonicMs: number): void {
    this.#offsetUs = databaseNow - Math.round(atMonotonicMs * 1000);
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  }
}

/** The wall clock of this machine in milliseconds: for ids and log lines at the edge, never for a decision. */
export const wallMs = (): number => Date.now();
