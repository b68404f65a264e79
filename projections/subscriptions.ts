import type { Subscription } from '../kernel/bus.ts';
import type { Alarms } from './alarms.ts';
import { retryMaxMs, retryMinMs } from './bounds.ts';

/** Subscriptions that are made however often it takes. */
export class Subscriptions {
  readonly #alarms: Alarms;
  readonly #onFailed: (cause: unknown) => void;
  readonly #made: Subscription[] = [];
  #failing = false;
  #stopped = false;

  /** `onFailed` is told once of a time in which they cannot be made. */
  constructor(alarms: Alarms, onFailed: (cause: unknown) => void) {
    this.#alarms = alarms;
    this.#onFailed = onFailed;
  }

  async keep(subscribe: () => Promise<Subscription>): Promise<void> {
    for (let waitMs = retryMinMs; !this.#stopped; waitMs = Math.min(waitMs * 2, retryMaxMs)) {
      try {
        const subscription = await subscribe();
        if (this.#stopped) await subscription.stop();
        else this.#made.push(subscription);
        this.#failing = false;
        return;
      } catch (cause) {
        if (!this.#failing) this.#onFailed(cause);
        this.#failing = true;
        await this.#alarms.pause(waitMs);
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#made.splice(0).map((subscription) => subscription.stop().catch(() => {})));
  }
}
