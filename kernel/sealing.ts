import type { ActorCache } from './cache.ts';
import type { Clock } from './clock.ts';
import type { Sealer } from './codec.ts';
import type { Envelope } from './envelope.ts';
import type { Live } from './live.ts';
import type { Random } from './random.ts';

export interface SealingParts {
  readonly cache: ActorCache;
  readonly clock: Clock;
  readonly random: Random;
}

/** Who seals what a decision records: the key of the command's subject (what it brings is theirs), or of the actor's. */
export function sealerOf(
  live: Live,
  envelope: Envelope,
  { cache, clock, random }: SealingParts,
): Sealer | undefined | Promise<Sealer> {
  const subject = envelope.subject ?? live.subject;
  if (subject === undefined) return undefined;
  const { org } = live.address;
  const nonce = (): Uint8Array => random.bytes(12);
  const known = cache.subjectKey(org, subject);
  // What the actor says itself goes out under its own subject: that key is needed too.
  const own = live.subject ?? subject;
  if (known && cache.subjectKey(org, own)) return { key: known, nonce };
  // It stays in memory while the keys are fetched.
  cache.touch(live, clock.monotonicMs());
  return Promise.all([cache.learnSubject(org, subject), cache.learnSubject(org, own)]).then(([key]) => ({
    key,
    nonce,
  }));
}
