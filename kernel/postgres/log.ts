import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Epoch, type Generation, generation, micros, type Seq, type Shard, seq, shard } from '../brand.ts';
import { AstraError } from '../errors.ts';
import type { StoredEvent } from '../event.ts';
import type {
  ActorRange,
  CommitOutcome,
  CommitPart,
  Log,
  LogMeta,
  RememberedCommand,
  ShardRow,
  SubjectKey,
} from '../log.ts';
import { connectMs, readConnectionsMax, readMs, readPageEvents } from './bounds.ts';
import { checkDurable } from './check.ts';
import { commitText, commitValues } from './commit-statement.ts';
import { postgresError, SteadyConnection, sqlState } from './connection.ts';
import { Dictionary } from './dictionary.ts';
import { Partitions } from './partitions.ts';
import { type EventRow, eventColumns, type ShardRecord, shardColumns, toEvent, toShard } from './rows.ts';

/**
 * The event store on Postgres. One connection commits (its statement is prepared once), one keeps leases, and a small pool
 * reads: a long read never delays a commit, and a long commit never costs a lease.
 */
export class PostgresLog implements Log {
  readonly #commits: SteadyConnection;
  readonly #leases: SteadyConnection;
  readonly #reads: pg.Pool;
  readonly #dictionary = new Dictionary();
  readonly #partitions = new Partitions();

  constructor(url: string, name: string) {
    this.#commits = new SteadyConnection(url, `${name}-commit`);
    this.#leases = new SteadyConnection(url, `${name}-lease`);
    this.#reads = new pg.Pool({
      connectionString: url,
      application_name: `${name}-read`,
      max: readConnectionsMax,
      connectionTimeoutMillis: connectMs,
      query_timeout: readMs,
      keepAlive: true,
    });
    this.#reads.on('error', () => {});
  }

  /** Refuses a store that is not durable, and reads the dictionaries. */
  async open(): Promise<void> {
    const client = await this.#leases.ready();
    await checkDurable(client);
    await this.#dictionary.load(client).catch((error: unknown) => {
      throw postgresError(error);
    });
  }

  async meta(): Promise<LogMeta> {
    const row = await this.#one<{ shards: number; database_id: string; generation: number; now: string }>(
      'select shards, database_id, generation, (extract(epoch from clock_timestamp()) * 1000000)::int8 as now from meta',
    );
    return {
      databaseId: row.database_id,
      shards: row.shards,
      generation: generation(row.generation),
      now: micros(Number(row.now)),
    };
  }

  async claim(owner: string, leaseMs: number, shards?: readonly Shard[]): Promise<readonly ShardRow[]> {
    return this.#shardRows(
      `update shards s set epoch = s.epoch + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
       from (select shard from shards
             where (owner is null or lease_until < clock_timestamp()) and ($3::int2[] is null or shard = any($3))
             order by shard for update skip locked) free
       where free.shard = s.shard returning ${prefixed}`,
      [owner, leaseMs, shards ?? null],
    );
  }

  async reclaim(
    owner: string,
    leaseMs: number,
    held: readonly { shard: Shard; epoch: Epoch }[],
  ): Promise<readonly ShardRow[]> {
    return this.#shardRows(
      `with h as (select * from unnest($3::int2[], $4::int4[]) as h(shard, epoch)),
       mine as (select s.shard from shards s join h on h.shard = s.shard where s.epoch = h.epoch order by s.shard for update of s)
       update shards s set epoch = s.epoch + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
       from mine join h on h.shard = mine.shard where s.shard = mine.shard and s.epoch = h.epoch returning ${prefixed}`,
      [owner, leaseMs, held.map((h) => h.shard), held.map((h) => h.epoch)],
    );
  }

  async renew(owner: string, leaseMs: number): Promise<readonly Shard[]> {
    const rows = await this.#lease<{ shard: number }>(
      `update shards set lease_until = clock_timestamp() + $2 * interval '1 millisecond' where owner = $1 returning shard`,
      [owner, leaseMs],
    );
    return rows.map((row) => shard(row.shard));
  }

  async release(owner: string, held: readonly { shard: Shard; epoch: Epoch }[]): Promise<void> {
    await this.#lease(
      `update shards s set owner = null, lease_until = null
       from unnest($2::int2[], $3::int4[]) as h(shard, epoch) where s.shard = h.shard and s.epoch = h.epoch and s.owner = $1`,
      [owner, held.map((h) => h.shard), held.map((h) => h.epoch)],
    );
  }

  async commit(parts: readonly CommitPart[]): Promise<CommitOutcome> {
    const client = await this.#commits.ready();
    await this.#prepare(client, parts);
    let sent = false;
    try {
      const values = commitValues(parts, this.#dictionary);
      sent = true;
      const result = await client.query<{ written: number[]; now: string }>({
        name: 'commit',
        text: commitText,
        values,
      });
      const row = result.rows[0] as { written: number[]; now: string };
      return { written: new Set(row.written.map(shard)), now: micros(Number(row.now)) };
    } catch (error) {
      const state = sqlState(error);
      if (!sent) throw error;
      // A complaint of the statement itself came before its end: nothing was written. All else is unknown.
      if (state !== undefined && !/^(08|57P)/.test(state)) throw postgresError(error);
      this.#commits.abandon();
      throw new AstraError(
        'indeterminate',
        'commit_outcome_unknown',
        'the connection to Postgres ended during a commit',
        {
          cause: error,
        },
      );
    }
  }

  /** Codes and partitions, in transactions of their own, before the statement that needs them. */
  async #prepare(client: pg.Client, parts: readonly CommitPart[]): Promise<void> {
    try {
      let highest = 0;
      let expiry = 0;
      for (const part of parts) {
        if (part.seq > highest) highest = part.seq;
        for (const { expiresAt } of part.commands) if (expiresAt > expiry) expiry = expiresAt;
      }
      if (this.#partitions.needed(highest, expiry)) await this.#partitions.ensure(client, highest, expiry);
      for (const part of parts)
        for (const event of part.events)
          if (
            this.#dictionary.org(event.org) === undefined ||
            this.#dictionary.type(event.actorType, event.type) === undefined
          ) {
            await this.#dictionary.ensure(
              client,
              parts.flatMap((one) => one.events),
            );
            return;
          }
    } catch (error) {
      if (sqlState(error) === undefined) this.#commits.abandon();
      throw postgresError(error);
    }
  }

  async *read(of: Shard, after: Seq, upTo?: Seq): AsyncIterable<readonly StoredEvent[]> {
    let from: number = after;
    const end = upTo ?? Number.MAX_SAFE_INTEGER;
    while (from < end) {
      const rows = await this.#rows<EventRow>({
        name: 'read-shard',
        text: `select ${eventColumns} from events where shard = $1 and seq > $2 and seq <= $3 order by seq limit ${readPageEvents}`,
        values: [of, from, end],
      });
      const page = await this.#events(rows);
      if (page.length === 0) return;
      yield page;
      from = (page.at(-1) as StoredEvent).seq;
      if (page.length < readPageEvents) return;
    }
  }

  async readActors(of: Shard, actors: readonly ActorRange[]): Promise<readonly StoredEvent[]> {
    const names = actors.map(({ org }) => this.#dictionary.org(org));
    if (names.includes(undefined)) await this.#loadDictionary();
    const known = actors.filter(({ org }) => this.#dictionary.org(org) !== undefined);
    if (known.length === 0) return [];
    const rows = await this.#rows<EventRow>({
      name: 'read-actors',
      text: `select ${eventColumns.replace(/(\w+)/g, 'e.$1')} from unnest($2::int4[], $3::bytea[], $4::bytea[]) as a(org, low, high)
             cross join lateral (select * from events where actor >= a.low and actor < a.high and shard = $1 and org = a.org) e
             order by e.seq`,
      values: [
        of,
        known.map(({ org }) => this.#dictionary.org(org)),
        known.map(({ key }) => key),
        known.map(({ key, family }) => (family ? after(key) : Buffer.concat([key, Buffer.alloc(1)]))),
      ],
    });
    return this.#events(rows);
  }

  async findCommands(of: Shard, commandIds: readonly string[]): Promise<readonly RememberedCommand[]> {
    const rows = await this.#rows<{
      command_id: string;
      fingerprint: string;
      org: string;
      actor_type: string;
      actor_id: string;
      seq: string;
      expires_at: string;
    }>({
      name: 'find-commands',
      text: `select command_id, fingerprint, org, actor_type, actor_id, seq, expires_at from commands
             where shard = $1 and command_id = any($2) and expires_at > (extract(epoch from clock_timestamp()) * 1000000)::int8`,
      values: [of, commandIds],
    });
    return rows.map((row) => ({
      commandId: row.command_id,
      fingerprint: row.fingerprint,
      actor: { org: row.org, type: row.actor_type, id: row.actor_id },
      seq: seq(Number(row.seq)),
      expiresAt: micros(Number(row.expires_at)),
    }));
  }

  async heads(shards?: readonly Shard[]): Promise<readonly ShardRow[]> {
    const rows = await this.#rows<ShardRecord>({
      name: 'heads',
      text: `select ${shardColumns} from shards where $1::int2[] is null or shard = any($1) order by shard`,
      values: [shards ?? null],
    });
    return rows.map(toShard);
  }

  async raiseGeneration(from: Generation): Promise<Generation> {
    const rows = await this.#lease<{ generation: number }>(
      `with raised as (update meta set generation = generation + 1 where generation = $1 returning generation)
       select generation from raised union all select generation from meta where not exists (select from raised)`,
      [from],
    );
    return generation((rows[0] as { generation: number }).generation);
  }

  async subjectKeys(org: string, subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    for (const subject of subjects)
      await this.#rows({
        text: 'insert into subject_keys (kid, org, subject, key) values ($1, $2, $3, $4) on conflict (org, subject) do nothing',
        values: [randomBytes(12).toString('hex'), org, subject, randomBytes(32)],
      });
    const rows = await this.#rows<{ kid: string; subject: string; key: Buffer }>({
      text: 'select kid, subject, key from subject_keys where org = $1 and subject = any($2)',
      values: [org, subjects],
    });
    return new Map(rows.map(({ kid, subject, key }) => [subject, { kid, key }]));
  }

  async keysById(kids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    if (kids.length === 0) return new Map();
    const rows = await this.#rows<SubjectKey>({
      text: 'select kid, key from subject_keys where kid = any($1)',
      values: [kids],
    });
    return new Map(rows.map((row) => [row.kid, row]));
  }

  async close(): Promise<void> {
    await Promise.all([this.#commits.close(), this.#leases.close(), this.#reads.end().catch(() => {})]);
  }

  /** Rows as events; a code that was given since the dictionaries were read is looked up once. */
  async #events(rows: readonly EventRow[]): Promise<readonly StoredEvent[]> {
    const { orgName, typeName } = {
      orgName: (c: number) => this.#dictionary.orgName(c),
      typeName: (c: number) => this.#dictionary.typeName(c),
    };
    if (rows.some((row) => orgName(row.org) === undefined || typeName(row.type) === undefined))
      await this.#loadDictionary();
    return rows.map((row) => toEvent(row, this.#dictionary));
  }

  async #loadDictionary(): Promise<void> {
    await this.#dictionary.load(this.#reads).catch((error: unknown) => {
      throw postgresError(error);
    });
  }

  async #rows<R extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<R[]> {
    try {
      return (await this.#reads.query<R>(query)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }

  async #one<R extends pg.QueryResultRow>(text: string): Promise<R> {
    return (await this.#rows<R>({ text }))[0] as R;
  }

  async #lease<R extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<R[]> {
    const client = await this.#leases.ready();
    try {
      return (await client.query<R>(text, [...values])).rows;
    } catch (error) {
      if (sqlState(error) === undefined) this.#leases.abandon();
      throw postgresError(error);
    }
  }

  async #shardRows(text: string, values: readonly unknown[]): Promise<readonly ShardRow[]> {
    const rows = await this.#lease<ShardRecord>(text, values);
    return rows.map(toShard).sort((a, b) => a.shard - b.shard);
  }
}

const prefixed = shardColumns.replace(/(\w+)/g, 's.$1');

/** The key behind every key that begins with this one. */
function after(key: Buffer): Buffer {
  const next = Buffer.from(key);
  for (let i = next.length - 1; i >= 0; i--) {
    if ((next[i] as number) < 255) {
      next[i] = (next[i] as number) + 1;
      return next.subarray(0, i + 1);
    }
  }
  return Buffer.concat([key, Buffer.alloc(64, 255)]);
}
