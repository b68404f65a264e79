import { type Seq, type Shard, seq } from '../brand.ts';
import type { StoredEvent } from '../event.ts';
import { readPageEvents } from './bounds.ts';
import type { ReadPool } from './connection.ts';
import type { Dictionary } from './dictionary.ts';
import { boundedPageOf, type EventPage, eventsOf, isFull } from './event-page.ts';

/** The next events off the primary key, in order of seq. */
export const readShardText = boundedPageOf(
  `select * from events where shard = $1 and seq > $2 and seq <= $3 order by seq limit ${readPageEvents}`,
);

/**
 * The events of a shard in order, in pages, each from a statement of its own: no transaction stays open meanwhile. The next
 * page is on its way while the caller works on the last one.
 */
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
  if (after >= upTo) return;
  for (let coming = ask(after); ; ) {
    const page = await coming;
    const last = page.at(-1);
    if (!last) return;
    const ended = last.seq >= upTo || (page.length < readPageEvents && !isFull(page));
    if (!ended) {
      coming = ask(last.seq);
      // If the caller stops here, nobody waits for it any more.
      coming.catch(() => {});
    }
    yield page;
    if (ended) return;
  }
}
