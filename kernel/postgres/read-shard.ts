import { type Seq, type Shard, seq } from '../brand.ts';
import type { StoredEvent } from '../event.ts';
import { readPageBytes, readPageEvents } from './bounds.ts';
import type { ReadPool } from './connection.ts';
import type { Dictionary } from './dictionary.ts';
import { type EventPage, eventsOf, pageOf } from './event-page.ts';

/**
 *  1. The innermost query takes the next events off the primary key, in order of seq.
 *  2. The middle one adds up the bodies' sizes (which are known without fetching them) and ends the page where they
 *     become too many. The first event is always in it.
 */
export const readShardText = pageOf(
  `select * from (
     select n.*, sum(octet_length(n.body)) over (order by n.seq) - octet_length(n.body) as bytes_before
     from (select * from events where shard = $1 and seq > $2 and seq <= $3 order by seq limit ${readPageEvents}) n
   ) p where p.bytes_before < ${readPageBytes} order by p.seq`,
);

/** The events of a shard in order, in pages, each from a statement of its own: no transaction stays open meanwhile. */
export async function* readShard(
  pool: ReadPool,
  dictionary: Dictionary,
  of: Shard,
  after: Seq,
  upTo: Seq = seq(Number.MAX_SAFE_INTEGER),
): AsyncGenerator<readonly StoredEvent[]> {
  const ask = async (from: Seq): Promise<readonly StoredEvent[]> => {
    const pages = await pool.rows<EventPage>(readShardText, [of, from, upTo], 'read-shard');
    return eventsOf(pages[0], dictionary, pool);
  };
  for (let from = after; from < upTo; ) {
    const page = await ask(from);
    if (page.length === 0) return;
    from = (page.at(-1) as StoredEvent).seq;
    yield page;
  }
}
