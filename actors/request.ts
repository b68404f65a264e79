import type { Address } from '../kernel/address.ts';
import type { Micros } from '../kernel/brand.ts';
import type { Envelope, Json } from '../kernel/envelope.ts';
import { derivedId } from '../kernel/ids.ts';
import { fingerprint } from './fingerprint.ts';

/** Who asks for what, beside the input: one place turns both into a command, for HTTP, NATS and redrives alike. */
export interface RequestContext {
  readonly org: string;
  readonly principal: string;
  /** The name of the request in derived ids: `POST /v1/goals`, `goal.submit`. */
  readonly route: string;
  readonly idempotencyKey?: string;
  /** The key was made for this message and it is seen for the first time: nothing can have been created under it. */
  readonly firstSeen?: boolean;
  /** The key was made from the message's place in a stream, which always holds the same request: no need to look what it asks. */
  readonly keyIsPlace?: boolean;
  readonly now: Micros;
  /** A new id with this prefix. */
  readonly newId: (prefix: string) => string;
  readonly traceparent?: string;
}

const fingerprintOf = (request: Json, { keyIsPlace, idempotencyKey }: RequestContext): string =>
  keyIsPlace === true ? (idempotencyKey as string) : fingerprint(request);

/** A command for an actor that exists: keyed ones are remembered for ASTRA_IDEMPOTENCY_DAYS. */
export function commandFor(to: Address, verb: string, body: Json, context: RequestContext, subject?: string): Envelope {
  const { idempotencyKey, org, route } = context;
  const keyed = idempotencyKey !== undefined;
  const id = keyed ? derivedId('cm', org, route, idempotencyKey) : context.newId('cm');
  return {
    to,
    verb,
    id,
    body,
    principal: context.principal,
    correlationId: id,
    hops: 0,
    ...(keyed ? { keyed: 'command', fingerprint: fingerprintOf({ to: to.id, verb, body }, context) } : null),
    ...(context.traceparent === undefined ? null : { traceparent: context.traceparent }),
    ...(subject === undefined ? null : { subject }),
  };
}

/**
 * A command that creates an actor. With a key the id follows from it, and the created actor is asked first, because it alone
 * remembers for ever; without one, the actor that admits is asked at once.
 */
export function creationOf(
  prefix: string,
  request: Json,
  context: RequestContext,
  ask: (id: string, keyed: boolean) => { readonly to: Address; readonly verb: string; readonly body: Json },
  subject?: string,
): Envelope {
  const { idempotencyKey, org, route } = context;
  const keyed = idempotencyKey !== undefined;
  const id = keyed ? derivedId(prefix, org, route, idempotencyKey) : context.newId(prefix);
  const { to, verb, body } = ask(id, keyed && context.firstSeen !== true);
  return {
    to,
    verb,
    id: `create:${id}`,
    body,
    principal: context.principal,
    correlationId: id,
    hops: 0,
    ...(keyed ? { keyed: 'create', fingerprint: fingerprintOf(request, context) } : null),
    ...(context.traceparent === undefined ? null : { traceparent: context.traceparent }),
    ...(subject === undefined ? null : { subject }),
  };
}
