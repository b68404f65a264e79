import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serversOrphanMs, serversStartMs } from '../bounds.ts';
import { lock, writePrivate } from '../data-directory.ts';
import { choosePort, isFree, portInUse, rememberedPort } from './port.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import {
  checkPostgresVersion,
  createPostgresData,
  postgresDatabase,
  postgresPlace,
  postgresUser,
  writePostgresSettings,
} from './postgres-data.ts';
import { endLeftover, pidIn, ServerProcess } from './server-process.ts';

export interface EmbeddedPostgresOptions {
  /** A directory for this server alone; made when missing. */
  readonly dataDir: string;
  /** Loopback port; without one, that of the last start if it is free, else any free one. */
  readonly port?: number;
  /** Takes remarks for people. */
  readonly log?: (line: string) => void;
  /** How long the server outlives this process if it is killed. */
  readonly orphanGraceMs?: number;
}

export interface EmbeddedPostgres {
  /** With user and password: a secret. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Settles when the server has ended, asked to or not, with how. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

/** Fast shutdown with a checkpoint; then an immediate one, which recovers at the next start. */
const stopSignals = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Starts PostgreSQL 18 on loopback; the first time, that makes a database. A server left behind by a killed process is
 * ended first. Throws `port_in_use`, `data_directory_in_use` (naming the process), `data_directory_newer`,
 * `server_not_started` (with what the server said).
 */
export async function startPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log = () => undefined } = options;
  const directory = resolve(options.dataDir);
  if (mkdirSync(directory, { recursive: true }) !== undefined) chmodSync(directory, 0o711);
  const unlock = lock(directory);
  const startedFile = join(directory, 'pid');
  try {
    const place = postgresPlace(directory, log);
    const pidFile = join(place.data, 'postmaster.pid');
    if (await endLeftover(pidFile, place.data, pidIn(startedFile), stopSignals))
      log('ended a PostgreSQL left behind by an earlier run');
    const binaries = postgresBinaries(place.account, directory);
    if (!existsSync(place.data)) createPostgresData(directory, place, binaries);
    checkPostgresVersion(place.data);
    const port = await choosePort('PostgreSQL', options.port, rememberedPort(directory));
    writePostgresSettings(place, port);
    const server = await ServerProcess.start({
      name: 'PostgreSQL',
      program: binaries.postgres,
      args: ['-D', place.data],
      account: place.account,
      logFile: join(directory, 'log'),
      pidFile,
      stopSignals,
      orphanGraceMs: options.orphanGraceMs ?? serversOrphanMs,
    });
    writePrivate(startedFile, `${server.pid}\n`);
    try {
      await server.until(() => pidIn(pidFile) === server.pid && isReady(pidFile), serversStartMs);
    } catch (cause) {
      await server.stop();
      throw (await isFree(port)) ? cause : portInUse('PostgreSQL', port);
    }
    writePrivate(join(directory, 'port'), `${port}\n`);
    server.exited.then(unlock);
    const password = readFileSync(join(directory, 'password'), 'utf8').trim();
    return {
      url: `postgres://${postgresUser}:${password}@127.0.0.1:${port}/${postgresDatabase}`,
      port,
      pid: server.pid,
      exited: server.exited,
      stop: () => server.stop(),
    };
  } catch (cause) {
    unlock();
    throw cause;
  }
}

/** PostgreSQL says how far it is in the eighth line of its pid file: what pg_ctl looks at, too. */
function isReady(pidFile: string): boolean {
  try {
    return readFileSync(pidFile, 'utf8').split('\n')[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}
