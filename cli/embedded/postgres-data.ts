import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { writePrivate } from '../data-directory.ts';
import { unavailableError, usageError } from '../exit-code.ts';
import { type Account, accountCan, postgresAccount } from './account.ts';
import { hostDirectory } from './host-directory.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { postgresAccess, postgresSettings } from './postgres-settings.ts';

/** The release whose data this code can serve; minor releases share one format. */
const series = '18';

/** Superuser and database of the embedded server. */
export const postgresUser = 'astra';
export const postgresDatabase = 'astra';

/**
 * What the embedded server keeps in its directory:
 *
 *   data/      PostgreSQL's own, for the server's account alone
 *   location   where `data/` is instead, when the server's account cannot reach it here
 *   password   of user `astra` (0600)
 *   port, pid  of the last start
 *   log        what the server wrote (0600)
 */
export interface PostgresPlace {
  /** PostgreSQL's data directory. */
  readonly data: string;
  /** Who the server runs as; undefined: as this process. */
  readonly account: Account | undefined;
}

/** Finds or chooses where the data is and who serves it. `log` is told when it has to be outside the directory. */
export function postgresPlace(directory: string, log: (line: string) => void): PostgresPlace {
  const pointer = join(directory, 'location');
  const data = join(existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : directory, 'data');
  const isRoot = process.getuid?.() === 0;
  if (existsSync(data)) {
    const { uid, gid } = statSync(data);
    if (isRoot && uid !== 0) return { data, account: { name: `uid ${uid}`, uid, gid } };
    if (!isRoot && uid === process.getuid?.()) return { data, account: undefined };
    throw usageError(
      'data_directory_unusable',
      `${data} belongs to uid ${uid}, this is uid ${process.getuid?.()}: run as the account that made it, or choose another --data-dir.`,
    );
  }
  if (!isRoot) return { data, account: undefined };
  const account = postgresAccount();
  if (accountCan(account, 'cd -- "$1"', directory)) return { data, account };
  const elsewhere = mkdtempSync(join(hostDirectory(), 'postgres-data-'));
  chmodSync(elsewhere, 0o711);
  writePrivate(pointer, `${elsewhere}\n`);
  log(`PostgreSQL runs as ${account.name}, which cannot enter ${directory}: its data is in ${elsewhere}`);
  return { data: join(elsewhere, 'data'), account };
}

/** Throws `data_directory_newer` or `data_directory_older` when another release made the data. */
export function checkPostgresVersion(data: string): void {
  const found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (found === series) return;
  const newer = Number(found) > Number(series);
  throw usageError(
    newer ? 'data_directory_newer' : 'data_directory_older',
    `${data} was made by PostgreSQL ${found}; this Astra brings PostgreSQL ${series}. ` +
      `${newer ? 'Run a newer Astra' : 'Move it with pg_upgrade'}, choose another --data-dir, or set DATABASE_URL.`,
  );
}

/** Makes the database, its user and its password. All or nothing: the data appears under its name when it is complete. */
export function createPostgresData(directory: string, place: PostgresPlace, binaries: PostgresBinaries): void {
  const { data, account } = place;
  const next = `${data}.next`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  const passwordFile = `${data}.password`;
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account) for (const path of [next, passwordFile]) chownSync(path, account.uid, account.gid);
  try {
    run(binaries.initdb, account, [
      `--pgdata=${next}`,
      `--username=${postgresUser}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The same order of text on every system: the database's own C.UTF-8, nothing of the operating system's.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
    ]);
    appendFileSync(join(next, 'postgresql.conf'), "\ninclude 'astra.conf'\n");
    writeServed(next, 'astra.conf', '', account);
    run(binaries.postgres, account, ['--single', '-D', next, 'postgres'], `CREATE DATABASE ${postgresDatabase}\n`);
    writePrivate(join(directory, 'password'), `${password}\n`);
    renameSync(next, data);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(next, { recursive: true, force: true });
  }
}

/** Writes the settings for a start on `port`. */
export function writePostgresSettings(place: PostgresPlace, port: number): void {
  writeServed(place.data, 'astra.conf', postgresSettings(port), place.account);
  writeServed(place.data, 'pg_hba.conf', postgresAccess, place.account);
}

function writeServed(data: string, name: string, content: string, account: Account | undefined): void {
  const path = join(data, name);
  writeFileSync(path, content, { mode: 0o600 });
  if (account) chownSync(path, account.uid, account.gid);
}

function run(program: string, account: Account | undefined, args: readonly string[], input = ''): void {
  const { error, status, stderr, stdout } = spawnSync(program, args, {
    cwd: '/',
    encoding: 'utf8',
    input,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  if (!error && status === 0) return;
  const said = (error?.message ?? `${stderr}${stdout}`).trim().split('\n').slice(-4).join('\n  ');
  throw unavailableError('embedded_postgres_broken', `PostgreSQL could not make its data directory:\n  ${said}`, error);
}
