import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { AstraError } from '../../kernel/errors.ts';
import { migrate, openPostgresStore } from '../../kernel/postgres/index.ts';
import { gatewayReadyMs, natsPayloadBytesMax, readyPollMs, roleStartMs, roleStopMs } from '../bounds.ts';
import type { Config } from '../config.ts';
import { roleCredentials, roleEnvironment } from '../config.ts';
import {
  checkVersion,
  dataPaths,
  forgetRunning,
  lock,
  prepare,
  type Running,
  remembered,
  writeRunning,
} from '../data-directory.ts';
import { startNats, startPostgres } from '../embedded/index.ts';
import { unavailableError } from '../exit-code.ts';
import { ensureFirstKey } from '../first-key.ts';
import { gatewayPort } from '../listen-check.ts';
import { natsGreeting } from '../nats-greeting.ts';
import { loadNatsUsers, natsAccounts, roleUser } from '../nats-users.ts';
import type { RoleSpec } from './child.ts';
import { KeptServer } from './kept-server.ts';
import type { Output } from './output.ts';
import { Supervisor } from './supervisor.ts';

export interface UpOptions {
  readonly config: Config;
  readonly output: Output;
  readonly restart: boolean;
  readonly version: string;
  /** Aborted to give up while it is still starting. */
  readonly signal: AbortSignal;
}

/** A whole Astra on this machine. */
export interface Up {
  readonly url: string;
  /** The file that holds the first API key. */
  readonly keyFile: string;
  /** Settles when it cannot go on: a role beyond help, or a death under `--no-restart`. */
  readonly broken: Promise<AstraError>;
  /** Reads the NATS users again: keys were made or revoked. */
  reload(): Promise<void>;
  /** Kills the roles: those that stop in their own time have lost it. The servers still stop cleanly. */
  hurry(): void;
  /** worker → gateway → kernels → NATS → Postgres. Says whether all of them went by themselves. */
  stop(): Promise<boolean>;
}

type Undo = () => Promise<unknown> | unknown;

/**
 * Starts everything, in order, each step only when the one before is well: what can be refused is refused before anything
 * is touched, and a failure on the way takes back what was started.
 */
export async function startUp(options: UpOptions): Promise<Up> {
  const undo: Undo[] = [];
  try {
    return await start(options, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function start({ config, output, restart, version, signal }: UpOptions, undo: Undo[]): Promise<Up> {
  const { dataDir } = config;
  checkVersion(dataDir);
  const port = await gatewayPort(config.host, config.port);
  await Promise.all([
    config.databaseUrl && answers(config.databaseUrl.reveal()),
    config.natsUrl && natsGreeting(config.natsUrl.reveal()),
  ]);
  prepare(dataDir, version);
  const paths = dataPaths(dataDir);
  const unlock = lock(dataDir);
  undo.push(unlock);

  const remark = (line: string) => output.say('info', line);
  const postgres = config.databaseUrl
    ? undefined
    : await KeptServer.start(
        'PostgreSQL',
        (wanted) =>
          startPostgres({ dataDir: paths.postgres, log: remark, ...(wanted === undefined ? {} : { port: wanted }) }),
        output,
        restart,
      );
  if (postgres) undo.push(() => postgres.stop());
  signal.throwIfAborted();
  const databaseUrl = config.databaseUrl?.reveal() ?? (postgres as NonNullable<typeof postgres>).server.url;
  const migrations = await migrate(databaseUrl);
  if (migrations.length > 0) output.say('info', 'brought the database up to date', { migrations });
  await ensureFirstKey(databaseUrl, paths.apiKey, config.org);
  signal.throwIfAborted();
  const nats = config.natsUrl
    ? undefined
    : await KeptServer.start(
        'NATS',
        (wanted) =>
          startNats({
            dataDir: paths.nats,
            users: natsAccounts(loadNatsUsers(paths.natsUsers)),
            maxPayloadBytes: natsPayloadBytesMax,
            log: remark,
            ...(wanted === undefined ? {} : { port: wanted }),
          }),
        output,
        restart,
      );
  if (nats) undo.push(() => nats.stop());

  const natsUrl = config.natsUrl?.reveal() ?? (nats as NonNullable<typeof nats>).server.url;
  signal.throwIfAborted();

  const url = `http://${urlHost(config.host)}:${port}`;
  const state: Running = {
    pid: process.pid,
    url,
    databaseUrl,
    natsUrl,
    embedded: { postgres: postgres !== undefined, nats: nats !== undefined },
    roles: {},
  };
  undo.push(() => forgetRunning(dataDir));
  const supervisor = new Supervisor({
    main: fileURLToPath(new URL('../main.ts', import.meta.url)),
    output,
    restart,
    onChange: (roles) => writeRunning(dataDir, { ...state, roles }),
  });
  undo.push(() => supervisor.stop());
  const stopStarting = () => supervisor.stop();
  signal.addEventListener('abort', stopStarting, { once: true });
  const workerName = remembered(paths.workerName, () => `${hostname()}-${randomBytes(3).toString('hex')}`);
  const specOf = (role: 'kernel' | 'gateway' | 'worker', name: string = role): RoleSpec => {
    const own = nats ? roleUser(loadNatsUsers(paths.natsUsers), role) : roleCredentials(role);
    return {
      role,
      name,
      startMs: roleStartMs,
      stopMs: roleStopMs,
      environment: roleEnvironment({
        org: config.org,
        dataDir,
        host: config.host,
        port,
        databaseUrl,
        natsUrl,
        natsUser: own?.user ?? config.natsUser,
        natsPassword: own?.password ?? config.natsPassword?.reveal(),
        slots: config.slots,
        pools: config.pools.join(','),
        allowDriver: config.allowDriver.join(','),
        allowPrivate: config.allowPrivate.join(',') || undefined,
        artifacts: config.artifacts,
        workerName: config.workerName ?? workerName,
        idempotencyDays: config.idempotencyDays,
        logLevel: config.logLevel,
      }),
    };
  };
  const kernels = Array.from({ length: config.kernels }, (_, i) =>
    specOf('kernel', i === 0 ? 'kernel' : `kernel-${i + 1}`),
  );
  for (const specs of [kernels, [specOf('gateway')], [specOf('worker')]]) {
    await Promise.all(specs.map((spec) => supervisor.start(spec)));
    signal.throwIfAborted();
  }
  await untilReady(url, signal);
  signal.removeEventListener('abort', stopStarting);

  const broken = Promise.race([
    supervisor.gaveUp,
    ...[postgres, nats].flatMap((server) =>
      server ? [server.lost.then((how) => new AstraError('unavailable', 'server_died', how))] : [],
    ),
  ]);
  return {
    url,
    keyFile: paths.apiKey,
    broken,
    reload: async () => {
      if (nats) await nats.server.reload(natsAccounts(loadNatsUsers(paths.natsUsers)));
    },
    hurry: () => supervisor.kill(),
    stop: async () => {
      const clean = await supervisor.stop();
      await nats?.stop();
      await postgres?.stop();
      forgetRunning(dataDir);
      unlock();
      return clean;
    },
  };
}

/** Whether a database that was given answers: before anything is made for it. */
async function answers(databaseUrl: string): Promise<void> {
  const store = openPostgresStore(databaseUrl, 'astra-up');
  try {
    await store.ping();
  } finally {
    await store.close();
  }
}

/** An address as part of a URL: `::1` in brackets; "every address" is reached through loopback. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + gatewayReadyMs;
  let why = 'no answer';
  while (performance.now() < end) {
    signal.throwIfAborted();
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) });
      if (response.ok) return;
      why = (await response.text()).slice(0, 300);
    } catch (error) {
      why = (error as Error).message;
    }
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  throw unavailableError('not_ready', `the gateway at ${url} is not ready after ${gatewayReadyMs / 1000} s: ${why}`);
}

/** The reason an interrupted start gives. */
export const interrupted = new AstraError(
  'cancelled',
  'interrupted',
  'interrupted while starting; everything is stopped again',
);
