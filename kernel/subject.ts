import type { Envelope } from './envelope.ts';
import type { Live } from './live.ts';

/**
 * A command that does not say whose data it brings (a worker's report) brings its actor's: also where it is kept by another
 * actor, parked or until later.
 */
export const withSubject = (envelope: Envelope, actor: Live | undefined): Envelope => {
  const subject = envelope.subject === undefined ? actor?.subject : undefined;
  return subject === undefined ? envelope : { ...envelope, subject };
};
