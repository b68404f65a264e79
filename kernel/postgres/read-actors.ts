import type { Shard } from '../brand.ts';
import { AstraError } from '../errors.ts';
import type { StoredEvent } from '../event.ts';
import type { ActorRange, ActorsRead, StoredSnapshot } from '../log.ts';
import { byteaArray, int2Array, int4Array, textArray } from './binary-array.ts';
import { actorReadsMax, actorsTogetherMax } from './bounds.ts';
import type { ReadPool } from './connection.ts';
import type { Dictionary } from './dictionary.ts';
import { type EventPage, eventsOf, pageOf } from './event-page.ts';
import { snapshotColumns, snapshotsOf } from './snapshots.ts';

/**
 *  1. Each wanted actor is a range of keys in its shard: itself alone, or everything that begins with its key.
 *  2. `kept` is its snapshot, if there is one of the wanted version: one look at the primary key each.
 *  3. `lateral` makes each range one scan of the index (actor, version). An actor alone skips there what its snapshot holds; what
 *     a family's holds is skipped behind the index, by seq.
 *  4. Shard and org are compared behind it (`offset 0` keeps them there: the primary key would find the whole shard).
 *     They have to be: keys are unique by chance, not by constraint (I10).
 */
export const readActorsText = `
with wanted as (
  select * from unnest($1::int2[], $2::int4[], $3::bytea[], $4::bytea[], $5::text[], $6::int4[])
    as w(shard, org, low, high, actor_type, behavior_version)
), kept as (
  select s.* from wanted w
  cross join lateral (
    select * from snapshots where shard = w.shard and org = w.org and actor_type = w.actor_type and actor_id = w.low offset 0
  ) s where s.behavior_version = w.behavior_version
), behind as (
  select w.shard, w.org, w.low, w.high, coalesce(k.seq, 0) as seq,
         case when w.high = w.low || '\\x00'::bytea then coalesce(k.version, 0) else 0 end as version
  from wanted w left join kept k
    on k.shard = w.shard and k.org = w.org and k.actor_type = w.actor_type and k.actor_id = w.low
)
select * from (${pageOf(
  `select e.* from behind b
   cross join lateral (
     select * from events where actor >= b.low and actor < b.high and version > b.version offset 0
   ) e
   where e.shard = b.shard and e.org = b.org and e.seq > b.seq
   order by e.seq`,
)}) page cross join (select ${snapshotColumns} from kept k) snapshots`;

/** Actors of one shard that somebody waits for. */
interface Wanted {
  readonly shard: Shard;
  readonly actors: readonly ActorRange[];
  readonly resolve: (read: ActorsRead) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads actors, with their families where asked for: their snapshots and the events behind them, in order of seq. What all shards
 * ask for in one turn of the loop, or while the statements that may be under way are, is read with one statement: most of
 * what it costs it costs once, however many actors it reads.
 */
export class ActorReader {
  readonly #pool: ReadPool;
  readonly #dictionary: Dictionary;
  readonly #waiting: Wanted[] = [];
  #reading = 0;
  #scheduled = false;

  constructor(pool: ReadPool, dictionary: Dictionary) {
    this.#pool = pool;
    this.#dictionary = dictionary;
  }

  read(shard: Shard, actors: readonly ActorRange[]): Promise<ActorsRead> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ shard, actors, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#reading >= actorReadsMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#readWaiting();
      this.#schedule();
    });
  }

  async #readWaiting(): Promise<void> {
    const together = this.#take();
    this.#reading++;
    try {
      await this.#readTogether(together);
    } finally {
      this.#reading--;
      this.#schedule();
    }
  }

  /** The oldest of each shard, within the bound: always at least one. A later one of the same shard waits, so that an answer is whose shard it is. */
  #take(): readonly Wanted[] {
    const taken = new Map<Shard, Wanted>();
    let count = 0;
    const left: Wanted[] = [];
    for (const one of this.#waiting.splice(0)) {
      if (taken.has(one.shard) || (count > 0 && count + one.actors.length > actorsTogetherMax)) left.push(one);
      else {
        taken.set(one.shard, one);
        count += one.actors.length;
      }
    }
    this.#waiting.push(...left);
    return [...taken.values()];
  }

  async #readTogether(together: readonly Wanted[]): Promise<void> {
    try {
      const { snapshots, events } = await this.#readAll(together);
      for (const { shard, resolve } of together)
        resolve({ snapshots: snapshots.get(shard) ?? [], events: events.get(shard) ?? [] });
    } catch (error) {
      // Without an answer all of them wait for the same; else one's trouble is not the others'.
      if (together.length > 1 && !(error instanceof AstraError && error.kind === 'unavailable'))
        for (const one of together) await this.#readTogether([one]);
      else for (const { reject } of together) reject(error);
    }
  }

  async #readAll(together: readonly Wanted[]): Promise<{
    readonly snapshots: ReadonlyMap<Shard, readonly StoredSnapshot[]>;
    readonly events: ReadonlyMap<Shard, readonly StoredEvent[]>;
  }> {
    const pool = this.#pool;
    const dictionary = this.#dictionary;
    const all = together.flatMap(({ shard, actors }) => actors.map((actor) => ({ ...actor, shard })));
    if (all.some(({ org }) => dictionary.orgCode(org) === undefined)) await dictionary.load(pool);
    // An org without a code has no event anywhere.
    const wanted = all.filter(({ org }) => dictionary.orgCode(org) !== undefined);
    if (wanted.length === 0) return { snapshots: new Map(), events: new Map() };
    const pages = await pool.rows<EventPage>(
      readActorsText,
      [
        int2Array(wanted, ({ shard }) => shard),
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
      events: byShard(await eventsOf(pages[0], dictionary, pool)),
    };
  }
}

function byShard(events: readonly StoredEvent[]): ReadonlyMap<Shard, readonly StoredEvent[]> {
  const shards = new Map<Shard, StoredEvent[]>();
  for (const event of events) {
    const of = shards.get(event.shard);
    if (of) of.push(event);
    else shards.set(event.shard, [event]);
  }
  return shards;
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
