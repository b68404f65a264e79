import { type Address, addressKey, headId, idOf } from './address.ts';
import { loadActorsMax } from './bounds.ts';
import { type Seq, type Shard, seq } from './brand.ts';
import type { ActorCache } from './cache.ts';
import { type ReadEnvelope, readEnvelope, sealedEffects } from './codec.ts';
import type { StoredEvent } from './event.ts';
import type { Log, ShardRow } from './log.ts';
import type { Registry } from './registry.ts';

/**
 * Recovery of a shard: replays the tail past `flushedSeq`, so that whatever is open and in no snapshot is in memory again. What
 * began earlier is loaded, from its snapshot where it has one; what has ended meanwhile is left in the log. Who is open and was
 * not touched since is in a snapshot, and loaded by when it is due.
 */
export async function recover(
  row: Pick<ShardRow, 'shard' | 'flushedSeq' | 'seq'>,
  log: Pick<Log, 'read'>,
  cache: ActorCache,
  registry: Registry,
  monotonicMs: number,
): Promise<void> {
  const older = new Map<string, Address>();
  for await (const page of log.read(row.shard, row.flushedSeq, row.seq)) {
    await cache.learnKeys(page);
    for (const stored of page) {
      const head = headOf(stored, registry);
      const name = addressKey(head);
      if (older.has(name)) continue;
      const begins = stored.version === 1 && stored.actorKey.length === 16;
      if (!cache.find(head) && !begins) older.set(name, head);
      else cache.fold(stored).usedAt = monotonicMs;
    }
    // Whoever is touched again later counts as older, and is loaded whole at the end.
    forgetEnded(cache);
  }
  const rest = [...older.values()];
  for (let i = 0; i < rest.length; i += loadActorsMax) {
    await cache.load(rest.slice(i, i + loadActorsMax), monotonicMs);
    forgetEnded(cache);
  }
}

/** One that still has a snapshot stays until that is gone. */
function forgetEnded(cache: ActorCache): void {
  for (const live of cache.heads()) if (live.idle && live.members && !live.kept) cache.forget(live);
}

function headOf(stored: StoredEvent, registry: Registry): Address {
  const type = registry.head(stored.actorType)?.type ?? stored.actorType;
  const prefix = registry.ids(type)?.prefix ?? '';
  return { org: stored.org, type, id: headId(idOf(prefix, stored.actorKey)) };
}

/** An effect that its receiver has not confirmed. */
export interface UnconfirmedEffect {
  readonly to: Shard;
  readonly n: number;
  /** Seq of its event. */
  readonly at: Seq;
  /** What the shard sent itself is decided here; what goes to others is read again when it has to be sent again. */
  readonly own: ReadEnvelope | undefined;
}

/** The effects that their receivers have not confirmed, as the log has them. `confirmed` tells how far a receiver came. */
export async function unconfirmedEffects(
  row: Pick<ShardRow, 'shard' | 'unconfirmedSeq' | 'seq' | 'got'>,
  confirmed: (to: Shard) => number,
  log: Pick<Log, 'read'>,
): Promise<readonly UnconfirmedEffect[]> {
  const found: UnconfirmedEffect[] = [];
  for await (const page of log.read(row.shard, seq(Math.max(0, row.unconfirmedSeq - 1)), row.seq))
    for (const stored of page) {
      if (!stored.body.includes('effects')) continue;
      for (const effect of sealedEffects(stored)) {
        const to = effect.to as Shard;
        const own = to === row.shard;
        if (effect.n <= (own ? (row.got[to] ?? 0) : confirmed(to))) continue;
        found.push({ to, n: effect.n, at: stored.seq, own: own ? readEnvelope(effect.bytes) : undefined });
      }
    }
  return found;
}
