import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { serverLogBytesMax, serverPollMs, serversStopMs } from '../bounds.ts';
import { unavailableError } from '../exit-code.ts';
import type { Account } from './account.ts';

export interface ServerProcessOptions {
  /** What it is, for people. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly account: Account | undefined;
  /** Takes its output; only its owner may read it. */
  readonly logFile: string;
  /** Where the server keeps its process id, in the first line. */
  readonly pidFile: string;
  /** Signals that end it, in the order tried. */
  readonly stopSignals: readonly NodeJS.Signals[];
  /** How long it outlives this process, in whole seconds rounded up, when this one dies without stopping it. */
  readonly orphanGraceMs: number;
}

/**
 * A server that runs beside this process, in a session of its own: Ctrl-C on the terminal reaches us alone, and we stop
 * it in order. When this process dies, a watchdog sees the end of its pipe and stops the server.
 */
export class ServerProcess {
  readonly pid: number;
  /** Settles when the process has ended, with how. */
  readonly exited: Promise<string>;
  readonly #options: ServerProcessOptions;
  readonly #child: ChildProcess;
  readonly #watchdog: ChildProcess;
  readonly #logStart: number;
  #ended = false;

  private constructor(options: ServerProcessOptions, child: ChildProcess, pid: number, logStart: number) {
    this.#options = options;
    this.#child = child;
    this.#logStart = logStart;
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#ended = true;
        this.#watchdog.stdin?.end('ended\n');
        resolve(signal ? `ended by ${signal}` : `ended with code ${code}`);
      });
    });
    this.#watchdog = watch(pid, options);
    child.unref();
  }

  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    rotate(options.logFile);
    const log = openSync(options.logFile, 'a', 0o600);
    const logStart = statSync(options.logFile).size;
    const child = spawn(options.program, options.args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      // Nothing of ours is meant for it: PGDATA, PGPORT and the like would only mislead it.
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      ...(options.account ? { uid: options.account.uid, gid: options.account.gid } : {}),
    });
    closeSync(log);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(unavailableError('server_not_runnable', `${options.name} cannot be run: ${cause.message}`, cause)),
      );
    });
    return new ServerProcess(options, child, child.pid as number, logStart);
  }

  /** Waits until `ready` says so. Throws with the end of the server's log when it dies first or takes too long. */
  async until(ready: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!(await ready())) {
      if (this.#ended) throw this.#failure(await this.exited);
      if (performance.now() > end) throw this.#failure(`was not ready after ${timeoutMs / 1000} s`);
      await pause(serverPollMs);
    }
  }

  /** What the server wrote since it was started. */
  output(): string {
    return readFileSync(this.#options.logFile).subarray(this.#logStart).toString('utf8');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it: each signal has its grace before the next; the last resort is SIGKILL. */
  async stop(): Promise<void> {
    this.#child.ref();
    for (const signal of [...this.#options.stopSignals, 'SIGKILL' as const]) {
      if (this.#ended) return;
      this.#child.kill(signal);
      const abort = new AbortController();
      await Promise.race([this.exited, pause(serversStopMs, undefined, { signal: abort.signal })]);
      abort.abort();
    }
  }

  #failure(how: string) {
    const lines = this.output().trim().split('\n').slice(-lastLines).join('\n  ');
    return unavailableError(
      'server_not_started',
      `${this.#options.name} ${how}. It said (${this.#options.logFile}):\n  ${lines || '(nothing)'}`,
    );
  }
}

/** Lines of a server's log that explain why it did not start. */
const lastLines = 8;

/** The command line of a living process; undefined when there is none. */
export function commandOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || undefined;
  } catch {
    return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() || undefined;
  }
}

/** The process id in the first line of a file; undefined when there is no such file or number. */
export function pidIn(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes way for a new server on the same data. `pidFile` is the server's own; a file that names no living process with
 * `mark` in its command line is stale and removed. A server that we `started` and that a killed process of ours left
 * behind is ended; answers whether there was one. Throws `data_directory_in_use`, naming the process, for any other.
 */
export async function endLeftover(
  pidFile: string,
  mark: string,
  started: number | undefined,
  signals: readonly NodeJS.Signals[],
): Promise<boolean> {
  const pid = pidIn(pidFile);
  const lives = () => pid !== undefined && (commandOf(pid)?.includes(mark) ?? false);
  const found = pid !== undefined && lives();
  if (found && pid !== started) throw inUse(pid, mark);
  for (const signal of [...signals, 'SIGKILL' as const]) {
    if (pid === undefined || !lives()) break;
    try {
      process.kill(pid, signal);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw inUse(pid, mark, cause);
    }
    const end = performance.now() + serversStopMs;
    while (lives() && performance.now() < end) await pause(serverPollMs);
  }
  rmSync(pidFile, { force: true });
  return found;
}

const inUse = (pid: number, mark: string, cause?: unknown) =>
  unavailableError(
    'data_directory_in_use',
    `${mark} is in use by a server that is not ours to stop (process ${pid}): stop it first, or choose another --data-dir.`,
    cause,
  );

/**
 * Waits for a line from us (the server has ended) or for the end of the pipe (we died). Then, after the grace, it ends the
 * server, as long as that process still is the one in the pid file.
 */
const watchdogScript = `
grace=$1 pid=$2 file=$3 signals=$4
ours() { read -r found <"$file" && [ "$found" = "$pid" ] && kill -0 "$pid"; }
read -r word && exit 0
while [ "$grace" -gt 0 ]; do
  ours || exit 0
  sleep 1
  grace=$((grace - 1))
done
for signal in $signals; do
  ours || exit 0
  kill -s "$signal" "$pid"
  for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    sleep 1
    ours || exit 0
  done
done`;

function watch(pid: number, options: ServerProcessOptions): ChildProcess {
  const signals = [...options.stopSignals, 'SIGKILL'].map((signal) => signal.slice(3)).join(' ');
  const args = [String(Math.ceil(options.orphanGraceMs / 1000)), String(pid), options.pidFile, signals];
  const watchdog = spawn('/bin/sh', ['-c', watchdogScript, 'astra-watchdog', ...args], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.on('error', () => undefined);
  watchdog.stdin?.on('error', () => undefined);
  watchdog.unref();
  if (watchdog.stdin && 'unref' in watchdog.stdin) (watchdog.stdin as { unref(): void }).unref();
  return watchdog;
}

/** Keeps the log of earlier starts within bounds: one old file at most. */
function rotate(path: string): void {
  try {
    if (statSync(path).size > serverLogBytesMax) renameSync(path, `${path}.old`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}
