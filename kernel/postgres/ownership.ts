import type { Epoch, Shard } from '../brand.ts';
import { shard } from '../brand.ts';
import type { ShardRow } from '../log.ts';
import type { Queryable } from './dictionary.ts';
import { type ShardRecord, shardColumns, toShards } from './shard-row.ts';

/**
 * Who owns which shard (I2), and who lives. All of these lock rows in order of shard, as commits do, so that none of them can deadlock.
 * A lease only keeps others from claiming: commits check the epoch alone.
 */

export interface Held {
  readonly shard: Shard;
  readonly epoch: Epoch;
}

const leased = `clock_timestamp() + $2 * interval '1 millisecond'`;

/**
 *  1. `free` are the shards that nobody owns, or whose lease ran out. Rows that another claimant is at are skipped: two
 *     kernels that start at once share the shards out instead of waiting for each other.
 *  2. Their epoch grows, which fences whoever owned them, and their probation begins; what it was is in the answer.
 */
export async function claim(
  through: Queryable,
  owner: string,
  leaseMs: number,
  shards: readonly Shard[] | undefined,
  most: number | undefined,
): Promise<readonly ShardRow[]> {
  return toShards(
    await through.rows<ShardRecord>(
      `with free as (
         select shard, trying from shards
         where (owner is null or lease_until < clock_timestamp()) and ($3::int2[] is null or shard = any($3))
         order by shard limit $4 for update skip locked
       )
       update shards s set epoch = s.epoch + 1, owner = $1, lease_until = ${leased}, trying = coalesce(s.trying, '')
       from free where free.shard = s.shard
       returning ${shardColumns('free.trying')}`,
      [owner, leaseMs, shards ?? null, most ?? null],
    ),
  );
}

/**
 *  1. `mine` waits for whoever holds these rows (a straggling commit), then looks at the epoch again.
 *  2. The epoch grows: a straggler that comes later finds another one.
 */
export async function reclaim(
  through: Queryable,
  owner: string,
  leaseMs: number,
  held: readonly Held[],
): Promise<readonly ShardRow[]> {
  return toShards(
    await through.rows<ShardRecord>(
      `with mine as (
         select s.shard from shards s join unnest($3::int2[], $4::int4[]) as h(shard, epoch) on h.shard = s.shard
         where s.epoch = h.epoch
         order by s.shard for update of s
       )
       update shards s set epoch = s.epoch + 1, owner = $1, lease_until = ${leased}
       from mine where mine.shard = s.shard
       returning ${shardColumns()}`,
      [owner, leaseMs, held.map((h) => h.shard), held.map((h) => h.epoch)],
    ),
  );
}

/** Renews the leases of an owner, and notes that its process lives. */
export async function renew(
  through: Queryable,
  owner: string,
  leaseMs: number,
  host: string,
): Promise<readonly Shard[]> {
  const rows = await through.rows<{ shard: number }>(
    `with seen as (
       insert into kernels (owner, host) values ($1, $3) on conflict (owner) do update set seen_at = clock_timestamp()
     ), mine as (
       select shard from shards where owner = $1 order by shard for update
     )
     update shards s set lease_until = ${leased}
     from mine where mine.shard = s.shard and s.owner = $1
     returning s.shard`,
    [owner, leaseMs, host],
  );
  return rows.map((row) => shard(row.shard)).sort((a, b) => a - b);
}

/** Who renewed lately: who began first comes first, so that whoever joins changes nobody's place. */
export async function living(through: Queryable, withinMs: number): Promise<readonly string[]> {
  const rows = await through.rows<{ owner: string }>(
    `select owner from kernels where seen_at >= clock_timestamp() - $1 * interval '1 millisecond'
     order by started_at, owner`,
    [withinMs],
  );
  return rows.map(({ owner }) => owner);
}

/** Strikes an owner off, and with it who did not do so in time: those that were killed long ago. */
export async function leave(through: Queryable, owner: string): Promise<void> {
  await through.rows(
    `with gone as (
       select owner from kernels where owner = $1 or seen_at < clock_timestamp() - interval '1 day'
       order by owner for update skip locked
     )
     delete from kernels k using gone where gone.owner = k.owner`,
    [owner],
  );
}

/** Gives back what is still owned under these epochs. */
export async function release(through: Queryable, owner: string, held: readonly Held[]): Promise<void> {
  await through.rows(
    `with mine as (
       select s.shard from shards s join unnest($2::int2[], $3::int4[]) as h(shard, epoch) on h.shard = s.shard
       where s.epoch = h.epoch and s.owner = $1
       order by s.shard for update of s
     )
     update shards s set owner = null, lease_until = null, trying = null, tries = 0 from mine where mine.shard = s.shard`,
    [owner, held.map((h) => h.shard), held.map((h) => h.epoch)],
  );
}
