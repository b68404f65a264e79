import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { unavailableError } from '../exit-code.ts';
import type { Account } from './account.ts';
import { hostDirectory } from './host-directory.ts';

/** The programs of one PostgreSQL build. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds programs of PostgreSQL that `account` (without one: this process) can run: the installed package's own, or, where
 * the account cannot enter the checkout or the checkout cannot be written, a copy of it. The package keeps links between its
 * libraries in a list, for an install script to make; none runs here, so they are made at the first start. `ownDirectory`
 * takes the copy when this process is not root.
 */
export function postgresBinaries(account: Account | undefined, ownDirectory: string): PostgresBinaries {
  const installed = installedDirectory();
  if (runs(installed, account)) return programs(installed);
  if (tryLink(installed) && runs(installed, account)) return programs(installed);
  const copy = join(account ? hostDirectory() : ownDirectory, `postgres-${packageVersion(installed)}`);
  if (!runs(copy, account)) {
    const next = `${copy}.${process.pid}`;
    try {
      cpSync(installed, next, { recursive: true, verbatimSymlinks: true });
      open(next);
      link(next);
      rmSync(copy, { recursive: true, force: true });
      renameSync(next, copy);
    } finally {
      rmSync(next, { recursive: true, force: true });
    }
  }
  const failure = attempt(copy, account);
  if (failure !== undefined)
    throw unavailableError(
      'embedded_postgres_broken',
      `the embedded PostgreSQL in ${copy} does not run (${failure}): run make setup again, or set DATABASE_URL.`,
    );
  return programs(copy);
}

const programs = (directory: string): PostgresBinaries => ({
  initdb: join(directory, 'bin', 'initdb'),
  postgres: join(directory, 'bin', 'postgres'),
});

function installedDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw unavailableError(
      'embedded_postgres_missing',
      `expected the package ${name} (PostgreSQL for this system), found none: run make setup, or set DATABASE_URL.`,
      cause,
    );
  }
}

function packageVersion(installed: string): string {
  const content: unknown = JSON.parse(readFileSync(join(installed, '..', 'package.json'), 'utf8'));
  return String((content as { version: unknown }).version);
}

const runs = (directory: string, account: Account | undefined): boolean => attempt(directory, account) === undefined;

/** Why `postgres --version` does not run, its libraries included; undefined when it does. */
function attempt(directory: string, account: Account | undefined): string | undefined {
  const { postgres, initdb } = programs(directory);
  const identity = account ? { uid: account.uid, gid: account.gid } : {};
  for (const program of [initdb, postgres]) {
    const { error, status, stderr } = spawnSync(program, ['--version'], { ...identity, cwd: '/', encoding: 'utf8' });
    if (error || status !== 0) return error ? error.message : stderr.trim().split('\n')[0];
  }
  return undefined;
}

/** Readable by everyone, programs runnable: whatever umask the install had. */
function open(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) open(path);
    else if (entry.isFile()) chmodSync(path, basename(directory) === 'bin' ? 0o755 : 0o644);
  }
}

/** Makes the links in the package itself; false where that cannot be written. */
function tryLink(directory: string): boolean {
  try {
    link(directory);
    return true;
  } catch {
    return false;
  }
}

/** Makes the links of the package's list `[{ source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" }, …]`. */
function link(directory: string): void {
  const list = join(directory, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[];
  for (const { source, target } of links) {
    const place = join(directory, target.replace(/^native\//, ''));
    try {
      symlinkSync(basename(source), place);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
  }
}
