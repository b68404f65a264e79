import { createHash } from 'node:crypto';
import type { Address } from './address.ts';
import type { DecideContext, WorkRoute } from './behavior.ts';
import type { Micros, Shard } from './brand.ts';
import type { Envelope } from './envelope.ts';
import { encodeId, timeId } from './ids.ts';
import type { Live } from './live.ts';
import { type SeededRandom, seededRandom } from './random.ts';

/**
 * What a decision may know. Chance is seeded with SHA-256(actor key ‖ u32 version ‖ command id), big endian, so that the
 * same command on the same state decides the same (I5).
 */
export class DecisionContext implements DecideContext {
  readonly now: Micros;
  readonly envelope: Envelope;
  readonly #live: Live;
  readonly #shard: Shard;
  readonly #serving: (org: string, route: WorkRoute) => readonly string[] | undefined;
  #generator: SeededRandom | undefined;

  constructor(
    live: Live,
    envelope: Envelope,
    now: Micros,
    shard: Shard,
    serving: (org: string, route: WorkRoute) => readonly string[] | undefined,
  ) {
    this.#live = live;
    this.envelope = envelope;
    this.now = now;
    this.#shard = shard;
    this.#serving = serving;
  }

  get self(): Address {
    return this.#live.address;
  }

  get head(): unknown {
    return this.#live.head?.state;
  }

  /** Made when it is asked for: most decisions leave nothing to chance. */
  get #chance(): SeededRandom {
    if (!this.#generator) {
      const { key, version } = this.#live;
      const bytes = Buffer.allocUnsafe(4);
      bytes.writeUInt32BE(version);
      this.#generator = seededRandom(
        createHash('sha256').update(key).update(bytes).update(this.envelope.id, 'utf8').digest(),
      );
    }
    return this.#generator;
  }

  random(): number {
    return this.#chance.number();
  }

  id(prefix: string): string {
    return timeId(prefix, Math.floor(this.now / 1000), this.#chance.bytes(10));
  }

  pinnedId(prefix: string): string {
    return pinnedId(prefix, this.#shard, this.#chance.bytes(14));
  }

  serving(route: WorkRoute): readonly string[] | undefined {
    return this.#serving(this.#live.address.org, route);
  }
}

/** An id that carries its shard in its first two bytes; the rest is chance. */
export function pinnedId(prefix: string, shard: Shard, entropy: Uint8Array): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(shard, 0);
  bytes.set(entropy.subarray(0, 14), 2);
  return encodeId(prefix, bytes);
}
