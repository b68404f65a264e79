import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { AstraError } from '../errors.ts';
import { connectMs, statementMs } from './bounds.ts';
import { postgresError } from './connection.ts';

const folder = new URL('../../migrations/', import.meta.url);

/** One advisory lock for all who migrate one database at once. */
const lockKey = 0x61737472;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

async function migrations(): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-.+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { version: Number(name.slice(0, 4)), name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Brings the database to this program's schema; returns the names of the migrations that were run. Migrations are
 * forward-only: `rejected` / `database_newer` when the database knows one that this program does not,
 * `corrupt` / `migration_changed` when a published one differs from the one that was run.
 */
export async function migrate(url: string): Promise<readonly string[]> {
  const known = await migrations();
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    query_timeout: statementMs,
    application_name: 'astra-migrate',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    await client.query(
      'create table if not exists migrations (version integer constraint migrations_pk primary key, name text not null, checksum text not null, run_at timestamptz not null default now())',
    );
    const run = await client.query<{ version: number; name: string; checksum: string }>(
      'select version, name, checksum from migrations order by version',
    );
    check(run.rows, known);
    const done = new Set(run.rows.map(({ version }) => version));
    const names: string[] = [];
    for (const { version, name, sql, checksum } of known) {
      if (done.has(version)) continue;
      await client.query('begin');
      await client.query(sql);
      await client.query('insert into migrations (version, name, checksum) values ($1, $2, $3)', [
        version,
        name,
        checksum,
      ]);
      await client.query('commit');
      names.push(name);
    }
    return names;
  } catch (error) {
    throw postgresError(error);
  } finally {
    await client.end().catch(() => {});
  }
}

function check(run: readonly { version: number; name: string; checksum: string }[], known: readonly Migration[]): void {
  for (const { version, name, checksum } of run) {
    const ours = known.find((migration) => migration.version === version);
    if (!ours)
      throw new AstraError(
        'rejected',
        'database_newer',
        `the database has migration ${name}, which this program does not know: it was written by a newer Astra; run that version, or give another DATABASE_URL`,
      );
    if (ours.checksum !== checksum)
      throw new AstraError(
        'corrupt',
        'migration_changed',
        `migration ${name} is not the one that was run on this database: restore the file`,
      );
  }
}
