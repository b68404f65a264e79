import { createHash } from 'node:crypto';
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
export function decideContext(
  live: Live,
  envelope: Envelope,
  now: Micros,
  shard: Shard,
  serving: (org: string, route: WorkRoute) => readonly string[] | undefined,
): DecideContext {
  let generator: SeededRandom | undefined;
  const random = (): SeededRandom => {
    if (!generator) {
      const version = Buffer.allocUnsafe(4);
      version.writeUInt32BE(live.version);
      generator = seededRandom(
        createHash('sha256').update(live.key).update(version).update(envelope.id, 'utf8').digest(),
      );
    }
    return generator;
  };
  return {
    self: live.address,
    now,
    envelope,
    head: live.head?.state,
    random: () => random().number(),
    id: (prefix) => timeId(prefix, Math.floor(now / 1000), random().bytes(10)),
    pinnedId: (prefix) => pinnedId(prefix, shard, random().bytes(14)),
    serving: (route) => serving(live.address.org, route),
  };
}

/** An id that carries its shard in its first two bytes; the rest is chance. */
export function pinnedId(prefix: string, shard: Shard, entropy: Uint8Array): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(shard, 0);
  bytes.set(entropy.subarray(0, 14), 2);
  return encodeId(prefix, bytes);
}
