import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { serversOrphanMs, serversStartMs } from '../bounds.ts';
import { lock, writePrivate } from '../data-directory.ts';
import { unavailableError } from '../exit-code.ts';
import { natsBinary } from './nats-binary.ts';
import { type NatsUsers, natsSettings } from './nats-settings.ts';
import { choosePort, isFree, portInUse, rememberedPort } from './port.ts';
import { endLeftover, pidIn, ServerProcess } from './server-process.ts';

export interface EmbeddedNatsOptions {
  /** A directory for this server alone; made when missing. */
  readonly dataDir: string;
  /** Loopback port; without one, that of the last start if it is free, else any free one. */
  readonly port?: number;
  /** Loopback port of the server's own status pages, which ask for no password; without one there are none. */
  readonly monitorPort?: number;
  readonly users: NatsUsers;
  readonly maxPayloadBytes: number;
  /** Takes remarks for people. */
  readonly log?: (line: string) => void;
  /** How long the server outlives this process if it is killed. */
  readonly orphanGraceMs?: number;
}

export interface EmbeddedNats {
  /** Without user and password. */
  readonly url: string;
  readonly monitorUrl: string | undefined;
  readonly port: number;
  readonly pid: number;
  /** Settles when the server has ended, asked to or not, with how. */
  readonly exited: Promise<string>;
  /** Replaces the users; who is connected with a password that no longer holds is disconnected. */
  reload(users: NatsUsers): Promise<void>;
  stop(): Promise<void>;
}

const stopSignals = ['SIGTERM'] as const;

/**
 * Starts nats-server with JetStream on loopback. The directory holds `jetstream/`, `nats.conf` and `log` (both 0600), and
 * the port and process id of the last start. A server left behind by a killed process is ended first. Throws `port_in_use`,
 * `data_directory_in_use` (naming the process), `embedded_nats_missing`, `server_not_started` (with what the server said).
 */
export async function startNats(options: EmbeddedNatsOptions): Promise<EmbeddedNats> {
  const { monitorPort, maxPayloadBytes, log = () => undefined } = options;
  const directory = resolve(options.dataDir);
  mkdirSync(directory, { recursive: true });
  const unlock = lock(directory);
  try {
    const pidFile = join(directory, 'pid');
    const logFile = join(directory, 'log');
    const configFile = join(directory, 'nats.conf');
    if (await endLeftover(pidFile, configFile, pidIn(pidFile), stopSignals))
      log('ended a nats-server left behind by an earlier run');
    const program = natsBinary();
    const port = await choosePort('NATS', options.port, rememberedPort(directory));
    if (monitorPort !== undefined && !(await isFree(monitorPort))) throw portInUse('the NATS monitor', monitorPort);
    const configure = (users: NatsUsers) => {
      const storeDirectory = directory;
      const settings = { port, monitorPort, storeDirectory, pidFile, logFile, users, maxPayloadBytes };
      writePrivate(configFile, natsSettings(settings));
    };
    configure(options.users);
    const server = await ServerProcess.start({
      name: 'nats-server',
      program,
      args: ['--config', configFile],
      account: undefined,
      logFile,
      pidFile,
      stopSignals,
      orphanGraceMs: options.orphanGraceMs ?? serversOrphanMs,
    });
    try {
      await server.until(() => hasJetStream(port), serversStartMs);
    } catch (cause) {
      await server.stop();
      throw (await isFree(port)) ? cause : portInUse('NATS', port);
    }
    writePrivate(join(directory, 'port'), `${port}\n`);
    server.exited.then(unlock);
    return {
      url: `nats://127.0.0.1:${port}`,
      monitorUrl: monitorPort === undefined ? undefined : `http://127.0.0.1:${monitorPort}`,
      port,
      pid: server.pid,
      exited: server.exited,
      reload: async (users) => {
        configure(users);
        // Twice: what an account that is new with a reload imports reaches nobody before the next one (nats-server 2.14).
        for (let time = 0; time < 2; time++) {
          const before = server.output().length;
          server.signal('SIGHUP');
          const said = () => server.output().slice(before);
          await server.until(() => /Reloaded server configuration|Failed to reload/.test(said()), serversStartMs);
          if (said().includes('Failed to reload'))
            throw unavailableError('nats_users_refused', `nats-server refused its users: ${said().trim()}`);
        }
      },
      stop: () => server.stop(),
    };
  } catch (cause) {
    unlock();
    throw cause;
  }
}

/** Whether a nats-server with JetStream greets on a port. */
function hasJetStream(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let greeting = '';
    const socket = connect({ host: '127.0.0.1', port });
    socket.setEncoding('utf8');
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (part) => {
      greeting += part;
      if (greeting.includes('\r\n')) socket.destroy();
    });
    socket.on('close', () => resolve(greeting.startsWith('INFO ') && greeting.includes('"jetstream":true')));
  });
}
