import type { Live } from './live.ts';
import type { Offer } from './unit.ts';

/** The attempt that an actor has on offer, as WORK carries it; undefined when it offers none. */
export function offerOf(live: Live): Offer | undefined {
  const { work, address, behavior, state, head } = live;
  if (work?.phase !== 'offered') return undefined;
  return {
    actor: address,
    route: work.route,
    priority: work.priority,
    since: work.since,
    attempt: work.attempt,
    payload: behavior.attempt?.(state, address, head?.state) ?? null,
  };
}
