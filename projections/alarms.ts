import type { Clock } from '../kernel/clock.ts';

/** Timers that end with their owner. */
export class Alarms {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #pending = new Set<{ readonly cancel: () => void; readonly ring: (() => void) | undefined }>();
  #stopped = false;

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** Calls back once after `ms`, unless stopped before. */
  after(ms: number, callback: () => void): void {
    this.#set(ms, callback, undefined);
  }

  /** Resolves after `ms`, or when stopped. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#set(ms, resolve, resolve));
  }

  stop(): void {
    this.#stopped = true;
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const { cancel, ring } of pending) {
      cancel();
      ring?.();
    }
  }

  #set(ms: number, callback: () => void, atStop: (() => void) | undefined): void {
    if (this.#stopped) {
      atStop?.();
      return;
    }
    const alarm = {
      cancel: this.#clock.after(ms, () => {
        this.#pending.delete(alarm);
        callback();
      }),
      ring: atStop,
    };
    this.#pending.add(alarm);
  }
}
