import type { Shard } from '../brand.ts';
import type { ActorRange, ActorsRead } from '../log.ts';
import { byteaArray, int4Array, textArray } from './binary-array.ts';
import type { ReadPool } from './connection.ts';
import type { Dictionary } from './dictionary.ts';
import { type EventPage, eventsOf, pageOf } from './event-page.ts';
import { snapshotColumns, snapshotsOf } from './snapshots.ts';

/**
 *  1. Each wanted actor is a range of keys: itself alone, or everything that begins with its key.
 *  2. `kept` is its snapshot, if there is one of the wanted version: one look at the primary key each.
 *  3. `lateral` makes each range one scan of the index (actor, version). An actor alone skips there what its snapshot holds; what
 *     a family's holds is skipped behind the index, by seq.
 *  4. Shard and org are compared behind it (`offset 0` keeps them there: the primary key would find the whole shard).
 *     They have to be: keys are unique by chance, not by constraint (I10).
 */
export const readActorsText = `
with wanted as (
  select * from unnest($2::int4[], $3::bytea[], $4::bytea[], $5::text[], $6::int4[]) as w(org, low, high, actor_type, behavior_version)
), kept as (
  select s.* from wanted w
  cross join lateral (
    select * from snapshots where shard = $1 and org = w.org and actor_type = w.actor_type and actor_id = w.low offset 0
  ) s where s.behavior_version = w.behavior_version
), behind as (
  select w.org, w.low, w.high, coalesce(k.seq, 0) as seq,
         case when w.high = w.low || '\\x00'::bytea then coalesce(k.version, 0) else 0 end as version
  from wanted w left join kept k on k.org = w.org and k.actor_type = w.actor_type and k.actor_id = w.low
)
select * from (${pageOf(
  `select e.* from behind b
   cross join lateral (
     select * from events where actor >= b.low and actor < b.high and version > b.version offset 0
   ) e
   where e.shard = $1 and e.org = b.org and e.seq > b.seq
   order by e.seq`,
)}) page cross join (select ${snapshotColumns} from kept k) snapshots`;

/** These actors, with their families where asked for: their snapshots and the events behind them, in order of seq. One round trip. */
export async function readActors(
  pool: ReadPool,
  dictionary: Dictionary,
  of: Shard,
  actors: readonly ActorRange[],
): Promise<ActorsRead> {
  if (actors.some(({ org }) => dictionary.orgCode(org) === undefined)) await dictionary.load(pool);
  // An org without a code has no event anywhere.
  const wanted = actors.filter(({ org }) => dictionary.orgCode(org) !== undefined);
  if (wanted.length === 0) return { snapshots: [], events: [] };
  const pages = await pool.rows<EventPage>(
    readActorsText,
    [
      of,
      int4Array(wanted, ({ org }) => dictionary.codeOf(org)),
      byteaArray(wanted, ({ key }) => key),
      byteaArray(wanted, ({ key, family }) => (family ? behindPrefix(key) : Buffer.concat([key, Buffer.alloc(1)]))),
      textArray(wanted, ({ snapshot }) => snapshot?.actorType ?? ''),
      int4Array(wanted, ({ snapshot }) => snapshot?.behaviorVersion ?? -1),
    ],
    'read-actors',
  );
  return {
    snapshots: await snapshotsOf(pages[0], dictionary, pool),
    events: await eventsOf(pages[0], dictionary, pool),
  };
}

/** The least key that is greater than all keys with this prefix. */
export function behindPrefix(prefix: Buffer): Buffer {
  for (let i = prefix.length - 1; i >= 0; i--)
    if ((prefix[i] as number) < 255) {
      const next = Buffer.from(prefix.subarray(0, i + 1));
      next[i] = (next[i] as number) + 1;
      return next;
    }
  // All ones: no id looks like that (its version and variant bits are not), but the answer is right all the same.
  return Buffer.concat([prefix, Buffer.alloc(256, 255)]);
}
