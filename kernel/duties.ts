import type { Clock } from './clock.ts';

export interface DutiesParts {
  readonly clock: Clock;
  /** A duty failed; it is repeated. */
  readonly onFailed: (cause: unknown) => void;
  /** What was to happen once failed. */
  readonly onDefect: (error: unknown) => void;
}

/** What a process does later, and again and again, until it stops. */
export class Duties {
  readonly #parts: DutiesParts;
  readonly #cancels = new Set<() => void>();
  #stopped = false;

  constructor(parts: DutiesParts) {
    this.#parts = parts;
  }

  /** Repeats a duty, each time so long after it was done; a failure is told and does not end it. */
  every(ms: number, duty: () => Promise<void>): void {
    this.after(ms, async () => {
      try {
        await duty();
      } catch (cause) {
        this.#parts.onFailed(cause);
      }
      this.every(ms, duty);
    });
  }

  after(ms: number, then: () => Promise<void>): void {
    if (this.#stopped) return;
    const cancel = this.#parts.clock.after(ms, () => {
      this.#cancels.delete(cancel);
      if (!this.#stopped) then().catch((error: unknown) => this.#parts.onDefect(error));
    });
    this.#cancels.add(cancel);
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels) cancel();
  }
}
