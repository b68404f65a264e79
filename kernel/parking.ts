import type { Address } from './address.ts';
import type { Envelope, Json } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Source } from './unit.ts';

/** The type of the actors that keep what could not be processed. */
export const deadLetterType = 'dead-letter';

/** What is parked: a command, or bytes that are none. */
export type Parked = Envelope | { readonly org: string; readonly payload: Uint8Array };

/** The command by which dead letter `to` keeps what came from `source` and failed with `problem`. */
export function parking(to: Address, what: Parked, source: Source['kind'], problem: Problem): Envelope {
  const readable = 'verb' in what;
  const origin = readable ? { source, actor: `${what.to.type}/${what.to.id}`, verb: what.verb } : { source };
  return {
    to,
    verb: 'park',
    id: `park:${to.id}`,
    body: {
      origin,
      error: problem as unknown as Json,
      count: 1,
      ...(readable ? { envelope: what as unknown as Json } : { payload: Buffer.from(what.payload).toString('base64') }),
    },
    principal: 'kernel',
    correlationId: readable ? what.correlationId : to.id,
    hops: 0,
    ...(readable && what.subject !== undefined ? { subject: what.subject } : null),
  };
}
