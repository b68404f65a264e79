import type { RequestContext } from '../actors/index.ts';
import { wallMs } from '../kernel/clock.ts';
import type { Envelope, Json } from '../kernel/envelope.ts';
import { timeId } from '../kernel/ids.ts';
import type { Accepted } from './commands.ts';
import type { Answer, WriteCall } from './route.ts';
import type { Services } from './services.ts';

/** Who asks, as the one place that turns inputs into commands wants to know it. */
export function requestContext(call: WriteCall<unknown, unknown>, { clock, random }: Services): RequestContext {
  const { org, principal } = call.caller;
  return {
    org,
    principal,
    // The path itself, not its pattern: the same key for another target is another request.
    route: `${call.method} ${call.path}`,
    now: clock.now(),
    newId: (prefix) => timeId(prefix, wallMs(), random.bytes(10)),
    ...(call.idempotencyKey === undefined ? {} : { idempotencyKey: call.idempotencyKey }),
    ...(call.traceparent === undefined ? {} : { traceparent: call.traceparent }),
  };
}

/** Sends a command and answers with what its commit says: who answered, its data and the position. */
export async function command(
  envelope: Envelope,
  services: Services,
  status: 200 | 201 | 202,
  collection?: string,
): Promise<Answer> {
  const accepted = await services.commands.send(envelope);
  return {
    status,
    body: { id: accepted.id, ...fieldsOf(accepted) },
    position: accepted.position,
    ...(collection === undefined ? {} : { location: `${collection}/${accepted.id}` }),
    ...(accepted.replayed === true ? { isReplayed: true } : {}),
  };
}

const fieldsOf = ({ data }: Accepted): { readonly [key: string]: Json | undefined } =>
  typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as { readonly [key: string]: Json }) : {};
