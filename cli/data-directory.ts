import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AstraError } from '../kernel/errors.ts';
import { unavailableError, usageError } from './exit-code.ts';
import { Secret } from './secret.ts';

/**
 * The data directory: what `astra up` keeps between runs.
 *
 *   version     layout of the directory and the Astra that wrote it last
 *   lock        process id of the `astra up` that uses it
 *   running     how to reach that one: URLs, role processes, credentials (0600)
 *   api-key     the first API key (0600)
 *   nats-users  users of the embedded NATS and their passwords (0600)
 *   worker-name the worker's own: it is the same one after a restart
 *   postgres/ nats/ artifacts/ work/
 *
 * A directory of a newer layout is refused before anything in it is touched.
 */
const layout = 1;

const versionSchema = z.object({ layout: z.number().int(), astra: z.string() });

/** How to reach what runs on a data directory. It holds secrets: never print it. */
const runningSchema = z.object({
  pid: z.number().int(),
  url: z.string(),
  databaseUrl: z.string(),
  natsUrl: z.string(),
  natsUser: z.string().optional(),
  natsPassword: z.string().optional(),
  embedded: z.object({ postgres: z.boolean(), nats: z.boolean() }),
  roles: z.record(z.string(), z.number().int()),
});
export type Running = z.infer<typeof runningSchema>;

export const dataPaths = (directory: string) => ({
  version: join(directory, 'version'),
  lock: join(directory, 'lock'),
  running: join(directory, 'running'),
  apiKey: join(directory, 'api-key'),
  natsUsers: join(directory, 'nats-users'),
  workerName: join(directory, 'worker-name'),
  artifacts: join(directory, 'artifacts'),
  work: join(directory, 'work'),
  postgres: join(directory, 'postgres'),
  nats: join(directory, 'nats'),
});

/** Throws `data_directory_newer` when a later Astra wrote this directory. A missing directory is fine. */
export function checkVersion(directory: string): void {
  const path = dataPaths(directory).version;
  const found = readIfThere(path);
  if (found === undefined) return;
  const version = parseJson(found, versionSchema);
  if (version === undefined)
    throw usageError(
      'data_directory_unreadable',
      `${path} is not readable as a version: is ${directory} a data directory of Astra?`,
    );
  if (version.layout > layout)
    throw usageError(
      'data_directory_newer',
      `${directory} was written by Astra ${version.astra} with layout ${version.layout}; this one knows layouts up to ${layout}. ` +
        'Run that version or newer, or choose another --data-dir.',
    );
}

/** Makes the directory (mode 0711: an embedded server's own user has to pass through) and stamps it. */
export function prepare(directory: string, astraVersion: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o711);
    checkVersion(directory);
    writePrivate(dataPaths(directory).version, `${JSON.stringify({ layout, astra: astraVersion })}\n`);
  } catch (cause) {
    if (cause instanceof AstraError) throw cause;
    throw usageError(
      'data_directory_unusable',
      `the data directory ${directory} cannot be made or written (${(cause as NodeJS.ErrnoException).code ?? 'error'}): ` +
        'choose another with --data-dir, or mend its permissions.',
      cause,
    );
  }
}

/**
 * Takes the directory for this process. Throws `data_directory_in_use` when a living process holds it. A lock whose
 * process is gone is taken over: renamed away first, so that of two takers one alone succeeds.
 */
export function lock(directory: string): () => void {
  const path = dataPaths(directory).lock;
  const own = `${path}.${process.pid}`;
  const content = `${process.pid} ${startedAt(process.pid)}\n`;
  writePrivate(own, content);
  try {
    for (let tries = 0; tries < 5; tries++) {
      try {
        linkSync(own, path);
        return () => {
          if (readIfThere(path) === content) rmSync(path, { force: true });
        };
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      }
      const held = readIfThere(path);
      if (held === undefined) continue;
      const holder = lockHolder(held);
      if (holder !== undefined)
        throw unavailableError(
          'data_directory_in_use',
          `${directory} is in use by another astra up (process ${holder}): stop that one, or choose another --data-dir.`,
        );
      const stale = `${path}.stale.${process.pid}`;
      renameSync(path, stale);
      if (readIfThere(stale) !== held) linkSync(stale, path);
      rmSync(stale, { force: true });
    }
    throw unavailableError('data_directory_in_use', `the lock ${path} is being fought over: try again.`);
  } finally {
    rmSync(own, { force: true });
  }
}

/** The process that holds the directory, if one does. */
export function holderOf(directory: string): number | undefined {
  const held = readIfThere(dataPaths(directory).lock);
  return held === undefined ? undefined : lockHolder(held);
}

/** What runs on this directory; undefined when nothing does. */
export function running(directory: string): Running | undefined {
  if (holderOf(directory) === undefined) return undefined;
  const content = readIfThere(dataPaths(directory).running);
  return content === undefined ? undefined : parseJson(content, runningSchema);
}

export function writeRunning(directory: string, state: Running): void {
  writePrivate(dataPaths(directory).running, `${JSON.stringify(state)}\n`);
}

export function forgetRunning(directory: string): void {
  rmSync(dataPaths(directory).running, { force: true });
}

/** The API key in the directory, if there is one. */
export function storedApiKey(directory: string): Secret | undefined {
  const content = readIfThere(dataPaths(directory).apiKey)?.trim();
  return content ? new Secret(content) : undefined;
}

/** A small text that is made once and kept. */
export function remembered(path: string, make: () => string): string {
  const known = readIfThere(path)?.trim();
  if (known) return known;
  const made = make();
  writePrivate(path, `${made}\n`);
  return made;
}

/** A file for its owner alone, replaced in one step. */
export function writePrivate(path: string, content: string): void {
  const next = `${path}.next.${process.pid}`;
  writeFileSync(next, content, { mode: 0o600 });
  renameSync(next, path);
}

/** Whether others than the owner may read a file. */
export const readableByOthers = (path: string): boolean => existsSync(path) && (statSync(path).mode & 0o077) !== 0;

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' || (cause as NodeJS.ErrnoException).code === 'ENOTDIR')
      return undefined;
    throw cause;
  }
}

function parseJson<T>(content: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(content)).data;
  } catch {
    return undefined;
  }
}

/** The process of a lock's content while it lives; a number that the system gave to another process is told by its start. */
function lockHolder(content: string): number | undefined {
  const [pidText, started] = content.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  const now = startedAt(pid);
  return started === undefined || now === '-' || started === '-' || started === now ? pid : undefined;
}

/** When a process started, in the system's own ticks; `-` where the system does not say (no /proc). */
function startedAt(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
  } catch {
    return '-';
  }
}
