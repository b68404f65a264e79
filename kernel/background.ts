import { setImmediate as nextTurn } from 'node:timers/promises';

/** Does a part of something; true when there is more of it. */
export type Job = () => Promise<boolean>;

/**
 * What a kernel process does behind the hot path: one part of one job at a time, each in a turn of the loop of its own, so that
 * whatever waits there goes first. When one fails, that is told once, and all wait until they are asked for again.
 */
export class Background {
  readonly #jobs = new Set<Job>();
  readonly #onFailed: (cause: unknown) => void;
  #running = false;
  #stopped = false;

  constructor(onFailed: (cause: unknown) => void) {
    this.#onFailed = onFailed;
  }

  add(job: Job): void {
    this.#jobs.add(job);
    if (!this.#running && !this.#stopped) void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#jobs.clear();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (const job of this.#jobs) {
      this.#jobs.delete(job);
      await nextTurn();
      if (this.#stopped) break;
      try {
        // Behind all that wait.
        if (await job()) this.#jobs.add(job);
      } catch (cause) {
        this.#jobs.clear();
        if (!this.#stopped) this.#onFailed(cause);
      }
    }
    this.#running = false;
  }
}
