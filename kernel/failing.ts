import { createHash } from 'node:crypto';
import { type Address, addressKey } from './address.ts';
import type { Fact } from './behavior.ts';
import type { Shard } from './brand.ts';
import type { ActorCache } from './cache.ts';
import { pinnedId } from './decide-context.ts';
import type { Envelope, Json } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Live } from './live.ts';
import { deadLetterType, type Parked } from './parking.ts';
import type { Registry } from './registry.ts';
import { type Failure, type SupervisionState, supervisionType } from './supervision.ts';

export interface FailingParts {
  readonly registry: Registry;
  readonly cache: ActorCache;
  readonly shard: Shard;
  readonly shards: number;
}

/** Who watches over an actor: on its shard, and always the same. */
export function supervisorOf(of: Address, shard: Shard, prefix: string): Address {
  const name = createHash('sha256').update(addressKey(of), 'utf8').digest();
  return { org: of.org, type: supervisionType, id: pinnedId(prefix, shard, name) };
}

/** The command that tells an actor's supervision that it has failed; undefined where nobody's behavior has, or nobody watches. */
export function failureOf(
  parts: FailingParts,
  what: Parked,
  problem: Problem,
  deadLetter: string,
): Envelope | undefined {
  const { registry, cache, shard, shards } = parts;
  const prefix = registry.ids(supervisionType)?.prefix;
  if (prefix === undefined || problem.kind !== 'contained' || !('verb' in what)) return undefined;
  const { to: of, correlationId } = what;
  if (of.type === supervisionType || of.type === deadLetterType) return undefined;
  const { code } = problem;
  const parentOf = registry.behavior(of.type)?.supervision?.parent?.(cache.find(of)?.state);
  const home = parentOf && registry.shardOf(parentOf, shards);
  const parent = parentOf && home !== undefined ? { parentOf, parent: supervisorOf(parentOf, home, prefix) } : null;
  const failure: Failure = { of, code, deadLetter, ...parent };
  return {
    to: supervisorOf(of, shard, prefix),
    verb: 'failed',
    id: `failed:${deadLetter}`,
    body: failure as unknown as Json,
    principal: 'kernel',
    correlationId,
    hops: 0,
  };
}

/** A supervision has another state: its actor is held back from here on, or no more. */
export function watch(
  live: Live,
  { type }: Fact,
  { cache, onSuspended }: { cache: ActorCache; onSuspended: (of: Address, supervision: string) => void },
): void {
  cache.supervise(live);
  if (type === 'ActorSuspended') onSuspended((live.state as SupervisionState).of, live.address.id);
}
