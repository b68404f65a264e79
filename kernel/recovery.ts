import { type Address, addressKey, headId, idOf } from './address.ts';
import { type Seq, type Shard, seq } from './brand.ts';
import type { ActorCache } from './cache.ts';
import { sealedEffects } from './codec.ts';
import type { StoredEvent } from './event.ts';
import type { Log, ShardRow } from './log.ts';
import type { Outgoing } from './outgoing.ts';
import type { Registry } from './registry.ts';

/** Actors that are loaded in one query. */
const loadChunk = 256;

/**
 * Recovery of a shard: replays the tail past `flushedSeq`, so that everything with open work is in memory again (its
 * timers, its offers, its attempts). What began earlier is loaded whole; what has ended meanwhile is left in the log.
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
    for (const live of cache.heads()) if (live.idle && live.members) cache.forget(live);
  }
  const rest = [...older.values()];
  for (let i = 0; i < rest.length; i += loadChunk) {
    await cache.load(rest.slice(i, i + loadChunk), monotonicMs);
    for (const live of cache.heads()) if (live.idle && live.members) cache.forget(live);
  }
}

function headOf(stored: StoredEvent, registry: Registry): Address {
  const type = registry.head(stored.actorType)?.type ?? stored.actorType;
  const prefix = registry.ids(type)?.prefix ?? '';
  return { org: stored.org, type, id: headId(idOf(prefix, stored.actorKey)) };
}

/** The effects that their receivers have not confirmed, numbered again from the log. Those to the shard itself are returned. */
export async function recoverEffects(
  row: Pick<ShardRow, 'shard' | 'unconfirmedSeq' | 'seq' | 'got'>,
  confirmed: (to: Shard) => number,
  log: Pick<Log, 'read'>,
  outgoing: Outgoing,
): Promise<readonly { n: number; bytes: Buffer; seq: Seq }[]> {
  const own: { n: number; bytes: Buffer; seq: Seq }[] = [];
  for await (const page of log.read(row.shard, seq(Math.max(0, row.unconfirmedSeq - 1)), row.seq))
    for (const stored of page) {
      if (!stored.body.includes('effects')) continue;
      for (const { to, n, bytes } of sealedEffects(stored)) {
        if (to === row.shard) {
          if (n > (row.got[row.shard] ?? 0)) own.push({ n, bytes, seq: stored.seq });
        } else if (n > confirmed(to as Shard)) outgoing.add(to as Shard, n, stored.seq);
      }
    }
  return own;
}
