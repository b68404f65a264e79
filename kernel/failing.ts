import { createHash } from 'node:crypto';
import { type Address, addressKey } from './address.ts';
import type { Fact } from './behavior.ts';
import type { Shard } from './brand.ts';
import type { ActorCache } from './cache.ts';
import type { Clock } from './clock.ts';
import { pinnedId } from './decide-context.ts';
import type { Envelope, Json } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Live } from './live.ts';
import { deadLetterType, type Parked } from './parking.ts';
import type { Registry } from './registry.ts';
import { childFailed, type Failure, type SupervisionState, supervisionType } from './supervision.ts';

export interface FailingParts {
  readonly registry: Registry;
  readonly cache: ActorCache;
  readonly clock: Clock;
  readonly shard: Shard;
}

/** Who watches over an actor: on its shard, and always the same. */
export function supervisorOf(of: Address, shard: Shard, prefix: string): Address {
  const name = createHash('sha256').update(addressKey(of), 'utf8').digest();
  return { org: of.org, type: supervisionType, id: pinnedId(prefix, shard, name) };
}

/** An actor that has failed: with what, and where that is kept. */
export interface Failed {
  readonly of: Address;
  readonly code: string;
  readonly deadLetter: string;
  readonly correlationId: string;
}

/** Whose failure a parked message is; undefined where nobody's behavior has failed, or nobody watches. */
export function failedBy(
  what: Parked,
  { kind, code }: Problem,
  deadLetter: string,
  registry: Registry,
): Failed | undefined {
  if (registry.ids(supervisionType) === undefined || kind !== 'contained' || !('verb' in what)) return undefined;
  const { to: of, correlationId } = what;
  if (of.type === supervisionType || of.type === deadLetterType) return undefined;
  return { of, code, deadLetter, correlationId };
}

/** A parent that fails with its child, as the supervision of that one says; undefined for any other command. */
export function failedChild(live: Live, { verb, body, principal, correlationId }: Envelope): Failed | undefined {
  if (verb !== childFailed || !principal.startsWith(`actor:${supervisionType}/`)) return undefined;
  const { deadLetter } = body as unknown as Pick<Failure, 'deadLetter'>;
  return { of: live.address, code: childFailed, deadLetter, correlationId };
}

/** The command that tells an actor's supervision that it has failed, with what the actor's state says of it. */
export async function failureOf(
  { registry, cache, clock, shard }: FailingParts,
  { of, code, deadLetter, correlationId }: Failed,
): Promise<Envelope> {
  // What cannot be folded any more is treated like all others of its type.
  await cache.load([of], clock.monotonicMs()).catch(() => undefined);
  const state = cache.find(of)?.state;
  const { parent, ...treatment } = registry.behavior(of.type)?.supervision?.(state, of) ?? {};
  const failure: Failure = { of, code, deadLetter, ...treatment, ...(parent ? { parentOf: parent } : null) };
  const to = supervisorOf(of, shard, registry.ids(supervisionType)?.prefix as string);
  await cache.load([to], clock.monotonicMs());
  return {
    to,
    verb: 'failed',
    id: `failed:${deadLetter}`,
    body: failure as unknown as Json,
    principal: 'kernel',
    correlationId,
    hops: 0,
  };
}

/** A supervision has another state: what its actor is kept back from, if anything, is another thing from here on. */
export function watch(
  live: Live,
  { type }: Fact,
  { cache, onSuspended }: { cache: ActorCache; onSuspended: (of: Address, supervision: string) => void },
): void {
  cache.mailboxes.note(live);
  if (type === 'ActorSuspended') onSuspended((live.state as SupervisionState).of, live.address.id);
}
