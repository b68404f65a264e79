import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition; the test's own limit ends what never comes. */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await delay(5);
  }
}
