import type { Shard } from './brand.ts';
import type { Clock } from './clock.ts';
import type { Envelope } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Registry } from './registry.ts';

/** Why a command has no business on this shard, or none any more; undefined when it has. */
export function inadmissible(
  envelope: Envelope,
  at: { readonly registry: Registry; readonly shards: number; readonly shard: Shard; readonly clock: Clock },
): Problem | undefined {
  const { to, deadline } = envelope;
  let home: Shard | undefined;
  try {
    home = at.registry.shardOf(to, at.shards);
  } catch {
    home = undefined;
  }
  if (home === undefined) return { kind: 'rejected', code: 'not_found', detail: `there is no ${to.type} ${to.id}` };
  if (home !== at.shard)
    return {
      kind: 'rejected',
      code: 'wrong_shard',
      detail: `expected ${to.type} ${to.id} on the lane of shard ${home}, found it on that of ${at.shard}`,
    };
  if (deadline !== undefined && at.clock.now() > deadline)
    return {
      kind: 'cancelled',
      code: 'deadline_exceeded',
      detail: 'the command was read after its deadline: nothing was done',
    };
  return undefined;
}
