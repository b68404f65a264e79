import { type Seq, type Shard, seq } from '../brand.ts';
import type { StoredEvent } from '../event.ts';
import { readPageEvents } from './bounds.ts';
import type { ReadPool } from './connection.ts';
import type { Dictionary } from './dictionary.ts';
import { boundedPageOf, type EventPage, eventsOf } from './event-page.ts';

/** The next events off the primary key, in order of seq. */
export const readShardText = boundedPageOf(
  `select * from events where shard = $1 and seq > $2 and seq <= $3 order by seq limit ${readPageEvents}`,
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
