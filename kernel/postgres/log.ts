import { hostname } from 'node:os';
import type pg from 'pg';
import { type Epoch, type Generation, generation, micros, type Seq, type Shard, shard } from '../brand.ts';
import { AstraError } from '../errors.ts';
import type { StoredEvent } from '../event.ts';
import type {
  ActorRange,
  ActorsRead,
  CommitOutcome,
  CommitPart,
  DueActor,
  DueWithin,
  Log,
  LogMeta,
  OtherVersions,
  RememberedCommand,
  ShardRow,
  SnapshotPart,
  SubjectKey,
} from '../log.ts';
import { SystemRandom } from '../random.ts';
import { conflictRetriesMax } from './bounds.ts';
import { checkDurable } from './check.ts';
import { commitText, commitValues } from './commit-statement.ts';
import { ReadPool, SteadyConnection } from './connection.ts';
import { Dictionary } from './dictionary.ts';
import { findCommands } from './find-commands.ts';
import { checkSchema } from './migrate.ts';
import { claim, type Held, leave, living, reclaim, release, renew } from './ownership.ts';
import { Partitions } from './partitions.ts';
import { isConflict, isLost, isMissingPartition, postgresError } from './postgres-error.ts';
import { ActorReader } from './read-actors.ts';
import { readShard } from './read-shard.ts';
import { type ShardRecord, shardColumns, toShards } from './shard-row.ts';
import { dueActors, snapshotSession, snapshotsWholeTo, writeSnapshots } from './snapshots.ts';
import { keysById, subjectKeys } from './subject-keys.ts';

/**
 * The event store on Postgres. One connection commits (its statement is prepared once) and settles, one keeps leases, one writes
 * snapshots, and a small pool reads: a long read never delays a commit, and a long commit never costs a lease. Each comes back
 * by itself.
 */
export class PostgresLog implements Log {
  readonly #commits: SteadyConnection;
  readonly #leases: SteadyConnection;
  readonly #snapshots: SteadyConnection;
  readonly #reads: ReadPool;
  readonly #dictionary = new Dictionary();
  readonly #partitions: Partitions;
  readonly #actors: ActorReader;
  readonly #random = new SystemRandom();

  constructor(url: string, name: string) {
    this.#commits = new SteadyConnection(url, `${name}-commit`);
    this.#leases = new SteadyConnection(url, `${name}-lease`);
    this.#snapshots = new SteadyConnection(url, `${name}-snapshot`, snapshotSession);
    this.#reads = new ReadPool(url, `${name}-read`);
    this.#partitions = new Partitions(this.#reads);
    this.#actors = new ActorReader(this.#reads, this.#dictionary);
  }

  /** Refuses a store that is not durable or not of this version, and reads the dictionaries. */
  async open(): Promise<void> {
    await checkDurable(this.#commits);
    await checkSchema(this.#commits);
    await this.#dictionary.load(this.#commits);
  }

  async meta(): Promise<LogMeta> {
    const rows = await this.#reads.rows<{ shards: number; database_id: string; generation: number; now: string }>(
      'select shards, database_id, generation, (extract(epoch from clock_timestamp()) * 1000000)::int8 as now from meta',
      [],
    );
    const row = rows[0];
    if (!row) throw new AstraError('corrupt', 'meta_missing', 'expected one row in table meta, found none');
    return {
      databaseId: row.database_id,
      shards: row.shards,
      generation: generation(row.generation),
      now: micros(Number(row.now)),
    };
  }

  claim(owner: string, leaseMs: number, shards?: readonly Shard[], most?: number): Promise<readonly ShardRow[]> {
    return claim(this.#leases, owner, leaseMs, shards, most);
  }

  /** On the connection that commits: it may wait for a straggler, and nothing else has to. */
  reclaim(owner: string, leaseMs: number, held: readonly Held[]): Promise<readonly ShardRow[]> {
    return reclaim(this.#commits, owner, leaseMs, held);
  }

  renew(owner: string, leaseMs: number): Promise<readonly Shard[]> {
    return renew(this.#leases, owner, leaseMs, hostname());
  }

  living(withinMs: number): Promise<readonly string[]> {
    return living(this.#leases, withinMs);
  }

  leave(owner: string): Promise<void> {
    return leave(this.#leases, owner);
  }

  release(owner: string, held: readonly { shard: Shard; epoch: Epoch }[]): Promise<void> {
    return release(this.#leases, owner, held);
  }

  async commit(parts: readonly CommitPart[]): Promise<CommitOutcome> {
    for (let retry = 0; ; retry++) {
      // Codes and partitions are made in transactions of their own, before the statement that needs them.
      for (const part of parts)
        for (const event of part.events)
          if (!this.#dictionary.knows(event)) await this.#dictionary.ensure(this.#commits, part.events);
      await this.#partitions.ready(parts);
      const values = commitValues(parts, this.#dictionary);
      const client = await this.#commits.ready();
      try {
        return await send(client, values);
      } catch (error) {
        // From here on the statement may have been carried out, unless Postgres says that it was not.
        if (isLost(error)) {
          this.#commits.abandon(client);
          throw new AstraError(
            'indeterminate',
            'commit_outcome_unknown',
            'expected the answer to a commit, found the connection to Postgres lost',
            { cause: error },
          );
        }
        const again = isConflict(error) || isMissingPartition(error);
        if (!again || retry === conflictRetriesMax) throw postgresError(error);
        if (isMissingPartition(error)) this.#partitions.forget();
      }
    }
  }

  read(of: Shard, after: Seq, upTo?: Seq): AsyncIterable<readonly StoredEvent[]> {
    return readShard(this.#reads, this.#dictionary, of, after, upTo);
  }

  readActors(of: Shard, actors: readonly ActorRange[]): Promise<ActorsRead> {
    return this.#actors.read(of, actors);
  }

  writeSnapshots(part: SnapshotPart): Promise<'written' | 'fenced' | 'deleted'> {
    return writeSnapshots(this.#snapshots, this.#dictionary, part);
  }

  snapshotsWholeTo(of: Shard): Promise<Seq | undefined> {
    return snapshotsWholeTo(this.#reads, of);
  }

  dueActors(of: Shard, which: DueWithin | OtherVersions): Promise<readonly DueActor[]> {
    return dueActors(this.#reads, this.#dictionary, of, which);
  }

  findCommands(of: Shard, commandIds: readonly string[]): Promise<readonly RememberedCommand[]> {
    return findCommands(this.#reads, of, commandIds);
  }

  async heads(shards?: readonly Shard[]): Promise<readonly ShardRow[]> {
    return toShards(
      await this.#reads.rows<ShardRecord>(
        `select ${shardColumns()} from shards s where $1::int2[] is null or s.shard = any($1)`,
        [shards ?? null],
        'heads',
      ),
    );
  }

  async raiseGeneration(from: Generation): Promise<{ generation: Generation; raised: boolean }> {
    const raised = await this.#leases.rows<{ generation: number }>(
      'update meta set generation = generation + 1 where generation = $1 returning generation',
      [from],
    );
    const [row] = raised;
    return row
      ? { generation: generation(row.generation), raised: true }
      : { generation: (await this.meta()).generation, raised: false };
  }

  subjectKeys(org: string, subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    return subjectKeys(this.#reads, this.#random, org, subjects);
  }

  keysById(kids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    return keysById(this.#reads, kids);
  }

  async close(): Promise<void> {
    await this.#partitions.settled();
    await Promise.all([this.#commits, this.#leases, this.#snapshots, this.#reads].map((one) => one.close()));
  }
}

async function send(client: pg.Client, values: Buffer[]): Promise<CommitOutcome> {
  const result = await client.query<{ written: number[]; now: string }>({ name: 'commit', text: commitText, values });
  const row = result.rows[0] as { written: number[]; now: string };
  return { written: new Set(row.written.map(shard)), now: micros(Number(row.now)) };
}
