import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AstraError } from '../kernel/errors.ts';
import { lastLinesKept } from './bounds.ts';
import { Client } from './client.ts';
import { type Running, running, storedApiKey } from './data-directory.ts';

export interface BackgroundOptions {
  readonly dataDir: string;
  /** Takes the JSON lines that `astra up` writes. */
  readonly logFile: string;
  /** Flags beside `--data-dir` and `--json`; `--port 0` unless they name one. */
  readonly args?: readonly string[];
  /** The process's environment; this process's own by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** An `astra up` of our own, in the background. */
export interface Background {
  readonly url: string;
  readonly pid: number;
  readonly client: Client;
  /** How to reach its parts; read anew, because roles that were restarted have other process ids. */
  running(): Running;
  /** Stops it and everything in it. Answers its exit code. */
  stop(): Promise<number | null>;
}

/**
 * Runs `astra up` beside this process: it stops when this process ends, however that comes. Throws what `up` said when
 * it does not come up (its exit code as the error's kind: 2 `rejected`, else `unavailable`).
 */
export async function startInBackground(options: BackgroundOptions): Promise<Background> {
  const { dataDir, logFile, args = [], environment } = options;
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w', 0o600);
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const child = fork(main, ['up', '--json', '--data-dir', dataDir, ...port, ...args], {
    stdio: ['ignore', log, log, 'ipc'],
    // Ctrl-C at the terminal is ours to pass on.
    detached: true,
    ...(environment ? { env: environment as NodeJS.ProcessEnv } : {}),
  });
  closeSync(log);
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
  });
  const url = await Promise.race([ready(child), exited.then((code) => Promise.reject(startFailure(logFile, code)))]);
  return {
    url,
    pid: child.pid as number,
    client: new Client(url, storedApiKey(dataDir)),
    running: () => {
      const state = running(dataDir);
      if (!state) throw new AstraError('unavailable', 'not_running', `no astra up runs on ${dataDir}`);
      return state;
    },
    stop: () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      return exited;
    },
  };
}

const ready = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.on('message', (message: { readonly type: string; readonly url: string }) => {
      if (message.type === 'ready') resolve(message.url);
    });
  });

function startFailure(logFile: string, code: number | null): AstraError {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  const own = lines.filter((line) => line.startsWith('astra: ')).at(-1);
  const detail =
    own?.slice('astra: '.length) ?? `astra up ended with code ${code}:\n${lines.slice(-lastLinesKept).join('\n')}`;
  return new AstraError(code === 2 ? 'rejected' : 'unavailable', 'up_failed', detail);
}
