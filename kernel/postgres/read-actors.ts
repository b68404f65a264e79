import type { Shard } from '../brand.ts';
import type { StoredEvent } from '../event.ts';
import type { ActorRange } from '../log.ts';
import { byteaArray, int4Array } from './binary-array.ts';
import type { ReadPool } from './connection.ts';
import type { Dictionary } from './dictionary.ts';
import { type EventPage, eventsOf, pageOf } from './event-page.ts';

/**
 *  1. Each wanted actor is a range of keys: itself alone, or everything that begins with its key.
 *  2. `lateral` makes each range one scan of the index (actor, version).
 *  3. Shard and org are compared behind it (`offset 0` keeps them there: the primary key would find the whole shard).
 *     They have to be: keys are unique by chance, not by constraint (I10).
 */
export const readActorsText = pageOf(
  `select e.* from unnest($2::int4[], $3::bytea[], $4::bytea[]) as wanted(org, low, high)
   cross join lateral (select * from events where actor >= wanted.low and actor < wanted.high offset 0) e
   where e.shard = $1 and e.org = wanted.org
   order by e.seq`,
);

/** The events of these actors, and of their families where asked for, in order of seq: one round trip. */
export async function readActors(
  pool: ReadPool,
  dictionary: Dictionary,
  of: Shard,
  actors: readonly ActorRange[],
): Promise<readonly StoredEvent[]> {
  if (actors.some(({ org }) => dictionary.orgCode(org) === undefined)) await dictionary.load(pool);
  // An org without a code has no event anywhere.
  const wanted = actors.filter(({ org }) => dictionary.orgCode(org) !== undefined);
  if (wanted.length === 0) return [];
  const pages = await pool.rows<EventPage>(
    readActorsText,
    [
      of,
      int4Array(wanted, ({ org }) => dictionary.orgCode(org) as number),
      byteaArray(wanted, ({ key }) => key),
      byteaArray(wanted, ({ key, family }) => (family ? behindPrefix(key) : Buffer.concat([key, Buffer.alloc(1)]))),
    ],
    'read-actors',
  );
  return eventsOf(pages[0], dictionary, pool);
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
