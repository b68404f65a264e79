import { kidsOfBody } from '../kernel/codec.ts';
import type { StoredEvent } from '../kernel/event.ts';
import type { Log, SubjectKey } from '../kernel/log.ts';
import { keysMax } from './bounds.ts';

/** Keys by id; an erased one is there as undefined. */
export type Keys = ReadonlyMap<string, SubjectKey | undefined>;

const noKeys: Keys = new Map();

/** The subjects' keys that this process has met: bounded, and an erased one is never remembered as such. */
export class KeyRing {
  readonly #log: Pick<Log, 'keysById'>;
  readonly #known = new Map<string, SubjectKey>();

  constructor(log: Pick<Log, 'keysById'>) {
    this.#log = log;
  }

  /** The keys for these events, at once where all are known; otherwise they are fetched together. Throws as `Log.keysById`. */
  keysFor(events: readonly StoredEvent[]): Keys | Promise<Keys> {
    let keys: Map<string, SubjectKey | undefined> | undefined;
    let missing: Set<string> | undefined;
    for (const { body } of events)
      for (const kid of kidsOfBody(body)) {
        const key = this.#known.get(kid);
        keys ??= new Map();
        if (key) keys.set(kid, key);
        else {
          missing ??= new Set();
          missing.add(kid);
        }
      }
    return keys && missing ? this.#fetch(keys, [...missing]) : (keys ?? noKeys);
  }

  async #fetch(keys: Map<string, SubjectKey | undefined>, missing: readonly string[]): Promise<Keys> {
    const found = await this.#log.keysById(missing);
    for (const kid of missing) {
      const key = found.get(kid);
      keys.set(kid, key);
      if (!key) continue;
      if (this.#known.size >= keysMax) this.#known.clear();
      this.#known.set(kid, key);
    }
    return keys;
  }
}
