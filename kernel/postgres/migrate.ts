import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { AstraError } from '../errors.ts';
import { connectMs, migrationMs } from './bounds.ts';
import type { Queryable } from './dictionary.ts';
import { postgresError } from './postgres-error.ts';

const published = new URL('../../migrations/', import.meta.url);

/** One advisory lock for all who migrate a database at once: "astra" in ASCII. */
const lockKey = 0x6173747261;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

type Applied = Pick<Migration, 'version' | 'name' | 'checksum'>;

/**
 * Brings a database to this program's schema; returns the names of the migrations that were run now. Each runs in a
 * transaction of its own, once, whoever else migrates at the same time.
 *
 * Migrations go forward only. Throws `rejected` / `database_newer` when a newer program has written here,
 * `corrupt` / `migration_changed` when a published migration is not the one that was run.
 */
export async function migrate(url: string, folder: URL = published): Promise<readonly string[]> {
  const known = await migrationsIn(folder);
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    query_timeout: migrationMs,
    application_name: 'astra-migrate',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    await client.query(
      `create table if not exists migrations (
         version integer not null constraint migrations_pk primary key,
         name text not null,
         checksum text not null,
         run_at timestamptz not null default clock_timestamp()
       )`,
    );
    const applied = await client.query<Applied>('select version, name, checksum from migrations order by version');
    const missing = pending(known, applied.rows);
    await refuseNewer(client, known);
    for (const migration of missing) await run(client, migration);
    return missing.map(({ name }) => name);
  } catch (error) {
    throw postgresError(error);
  } finally {
    // Ending the session gives the lock back too.
    await client.end().catch(() => {});
  }
}

/**
 * Refuses a database that this program may not use: newer, changed, or not migrated yet. Throws as {@link migrate} does,
 * and `rejected` / `database_not_migrated`.
 */
export async function checkSchema(store: Queryable): Promise<void> {
  const known = await migrationsIn(published);
  const there = await store.rows<{ there: boolean }>(`select to_regclass('migrations') is not null as there`, []);
  const applied = there[0]?.there
    ? await store.rows<Applied>('select version, name, checksum from migrations', [])
    : [];
  const missing = pending(known, applied);
  if (missing.length > 0)
    throw new AstraError(
      'rejected',
      'database_not_migrated',
      `the database lacks ${missing.map(({ name }) => name).join(', ')}: run the migrations (a kernel does when it starts)`,
    );
  const meta = await store.rows<{ minimum_version: number }>('select minimum_version from meta', []);
  refuseMinimum(meta[0]?.minimum_version, known);
}

async function migrationsIn(folder: URL): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-.+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { version: Number(name.slice(0, 4)), name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** What is still to be run. */
function pending(known: readonly Migration[], applied: readonly Applied[]): readonly Migration[] {
  for (const { version, name, checksum } of applied) {
    const ours = known.find((migration) => migration.version === version);
    if (!ours) throw newer(`it has migration ${name}`);
    if (ours.checksum !== checksum)
      throw new AstraError(
        'corrupt',
        'migration_changed',
        `expected migration ${ours.name} as it was run on this database, found another text: restore the published file`,
      );
  }
  return known.filter(({ version }) => !applied.some((one) => one.version === version));
}

async function refuseNewer(client: pg.Client, known: readonly Migration[]): Promise<void> {
  const there = await client.query<{ there: boolean }>(`select to_regclass('meta') is not null as there`);
  if (!there.rows[0]?.there) return;
  const meta = await client.query<{ minimum_version: number }>('select minimum_version from meta');
  refuseMinimum(meta.rows[0]?.minimum_version, known);
}

function refuseMinimum(minimum: number | undefined, known: readonly Migration[]): void {
  const newest = known.at(-1)?.version ?? 0;
  if (minimum !== undefined && minimum > newest)
    throw newer(`it asks for a program that knows migration ${minimum}, and this one knows ${newest}`);
}

const newer = (why: string): AstraError =>
  new AstraError(
    'rejected',
    'database_newer',
    `the database was written by a newer Astra (${why}): start that version, or name another database or data directory`,
  );

async function run(client: pg.Client, { version, name, sql, checksum }: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query('insert into migrations (version, name, checksum) values ($1, $2, $3)', [
      version,
      name,
      checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}
