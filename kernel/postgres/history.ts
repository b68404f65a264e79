import { type Seq, type Shard, seq } from '../brand.ts';
import type { StoredEvent } from '../event.ts';
import { historyEventsMax, historyScanEvents } from './bounds.ts';
import type { ReadPool } from './connection.ts';
import type { Dictionary } from './dictionary.ts';
import { boundedPageOf, type EventPage, eventsOf, isFull } from './event-page.ts';
import { behindPrefix } from './read-actors.ts';

/** Whose events are wanted. */
export interface ActorAt {
  readonly shard: Shard;
  readonly org: string;
  readonly key: Buffer;
}

/** Which events of an org are wanted; everything, where nothing is said. */
export interface LogFilter {
  readonly org: string;
  readonly actorType?: string;
  readonly type?: string;
}

export interface LogPage {
  readonly events: readonly StoredEvent[];
  /** By shard: up to where this page has looked. */
  readonly cursor: readonly Seq[];
  /** Whether there was more when it looked. */
  readonly more: boolean;
}

/** One walk of the index (actor, version); shard and org are compared behind it, as in read-actors.ts. */
export const ofActorText = boundedPageOf(
  `select * from (select * from events where actor = $1 and version > $2 order by version offset 0) a
   where shard = $3 and org = $4 order by version limit $5`,
);

export const ofFamilyText = boundedPageOf(
  `select * from (select * from events where actor >= $1 and actor < $2 offset 0) f
   where shard = $3 and org = $4 and seq > $5 order by seq limit $6`,
);

/**
 *  1. Each shard gives its next events, in order of seq: a bounded scan of the primary key, whatever the filter.
 *  2. Bodies of events that are not wanted stay where they are.
 */
export const ofLogText = boundedPageOf(
  `select n.shard, n.seq, n.epoch, n.commit_seq, n.org, n.actor, n.version, n.type, n.schema, n.at, n.hash,
          case when n.org = $3 and ($4::int2[] is null or n.type = any($4)) then n.body else ''::bytea end as body
   from unnest($1::int2[], $2::int8[]) as from_(shard, after)
   cross join lateral (
     select * from events where events.shard = from_.shard and events.seq > from_.after order by events.seq limit $5
   ) n order by n.at, n.shard, n.seq`,
);

/** Histories, from Postgres: no hot route asks here (I6). All throw `unavailable` when Postgres does not answer. */
export class History {
  readonly #pool: ReadPool;
  readonly #dictionary: Dictionary;

  constructor(pool: ReadPool, dictionary: Dictionary) {
    this.#pool = pool;
    this.#dictionary = dictionary;
  }

  /** The events of one actor with a greater version, in order. */
  async ofActor({ shard, org, key }: ActorAt, afterVersion: number, limit: number): Promise<readonly StoredEvent[]> {
    const code = await this.#org(org);
    if (code === undefined) return [];
    return this.#page(ofActorText, [key, afterVersion, shard, code, bounded(limit)], 'of-actor');
  }

  /** The events of an actor and its family behind a seq, in order of seq. */
  async ofFamily({ shard, org, key }: ActorAt, after: Seq, limit: number): Promise<readonly StoredEvent[]> {
    const code = await this.#org(org);
    if (code === undefined) return [];
    return this.#page(ofFamilyText, [key, behindPrefix(key), shard, code, after, bounded(limit)], 'of-family');
  }

  /**
   * An org's events behind a cursor (`after`, a seq for each shard), in order of time, then shard, then seq. A page has at
   * most `limit` events and may have fewer, or none, while there is more: filters do not make it look further.
   */
  async ofLog(filter: LogFilter, after: readonly Seq[], limit: number): Promise<LogPage> {
    await this.#dictionary.load(this.#pool);
    const org = this.#dictionary.orgCode(filter.org);
    if (org === undefined) return { events: [], cursor: after, more: false };
    const types =
      filter.type === undefined && filter.actorType === undefined ? null : this.#dictionary.typesLike(filter);
    const scanned = await this.#page(
      ofLogText,
      [after.map((_, shard) => shard), after, org, types, historyScanEvents],
      'of-log',
    );
    const wanted = (event: StoredEvent): boolean =>
      event.org === filter.org &&
      (filter.type === undefined || event.type === filter.type) &&
      (filter.actorType === undefined || event.actorType === filter.actorType);

    // Behind the last event of a shard that was not looked at to its end there may be earlier ones than another shard's.
    const seen = new Map<number, { count: number; last: number }>();
    scanned.forEach(({ shard }, i) => {
      seen.set(shard, { count: (seen.get(shard)?.count ?? 0) + 1, last: i });
    });
    const unfinished = [...seen.values()].filter(({ count }) => count === historyScanEvents);
    const known = Math.min(scanned.length, ...unfinished.map(({ last }) => last + 1));

    const cursor = [...after];
    const events: StoredEvent[] = [];
    let taken = 0;
    for (const event of scanned.slice(0, known)) {
      if (events.length === bounded(limit)) break;
      if (wanted(event)) events.push(event);
      cursor[event.shard] = event.seq;
      taken++;
    }
    return { events, cursor, more: taken < scanned.length || unfinished.length > 0 || isFull(scanned) };
  }

  async #org(name: string): Promise<number | undefined> {
    if (this.#dictionary.orgCode(name) === undefined) await this.#dictionary.load(this.#pool);
    return this.#dictionary.orgCode(name);
  }

  async #page(text: string, values: readonly unknown[], name: string): Promise<readonly StoredEvent[]> {
    const pages = await this.#pool.rows<EventPage>(text, values, name);
    return eventsOf(pages[0], this.#dictionary, this.#pool);
  }
}

/** The beginning of everything, for {@link History.ofLog}. */
export const logStart = (shards: number): readonly Seq[] => Array.from({ length: shards }, () => seq(0));

const bounded = (limit: number): number => Math.max(1, Math.min(limit, historyEventsMax));
