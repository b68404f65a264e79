import type { ActorCache } from './cache.ts';
import type { Clock } from './clock.ts';
import { isPassing } from './contained.ts';
import type { Envelope } from './envelope.ts';
import type { Live } from './live.ts';
import type { Parked } from './parking.ts';

/**
 * A command that does not say whose data it brings (a worker's report) brings its actor's: also where it is kept by another
 * actor, parked or until later.
 */
export const withSubject = (envelope: Envelope, actor: Live | undefined): Envelope => {
  const subject = envelope.subject === undefined ? actor?.subject : undefined;
  return subject === undefined ? envelope : { ...envelope, subject };
};

/** The same of what is to be parked, whose actor may not be in memory. Who cannot be read at all has no subject that is known. */
export function parkedWithSubject(
  what: Parked,
  { cache, clock }: { readonly cache: ActorCache; readonly clock: Clock },
): Parked | Promise<Parked> {
  if (!('verb' in what) || what.subject !== undefined) return what;
  const actor = cache.find(what.to);
  if (actor) return withSubject(what, actor);
  return cache.load([what.to], clock.monotonicMs()).then(
    () => withSubject(what, cache.find(what.to)),
    (error: unknown) => {
      if (isPassing(error)) throw error;
      return what;
    },
  );
}
