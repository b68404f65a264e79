import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { AstraError } from '../../kernel/errors.ts';
import { lastLinesKept } from '../bounds.ts';
import type { RoleOrder, RoleReport } from '../roles/role-process.ts';
import type { Output } from './output.ts';

/** What to run: `astra <role>` as a process of its own. */
export interface RoleSpec {
  readonly role: string;
  /** What this one is called among those that are supervised. */
  readonly name: string;
  /** Environment of the process, settings and secrets included. */
  readonly environment: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly stopMs: number;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Its own words for why, if it had any. */
  readonly reason: string | undefined;
  readonly exitCode: number | undefined;
  /** It has done all that it was to, and said so. */
  readonly done: boolean;
}

/**
 * One life of a role's process. It has a session of its own, so that Ctrl-C at the terminal reaches the supervisor alone,
 * which stops the roles in order; and a channel whose end tells it that the supervisor is gone.
 */
export class Child {
  readonly spec: RoleSpec;
  readonly exited: Promise<ChildExit>;
  /** Settles when the role runs; rejects when it ends, or takes too long, before that. */
  readonly ready: Promise<Readonly<Record<string, string | number>>>;
  readonly #process: ChildProcess;

  constructor(spec: RoleSpec, main: string, output: Output) {
    this.spec = spec;
    this.#process = fork(main, [spec.role], {
      env: spec.environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    const lines: string[] = [];
    for (const stream of [this.#process.stdout, this.#process.stderr])
      if (stream)
        createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
          lines.push(line);
          if (lines.length > lastLinesKept) lines.shift();
          output.line(spec.name, line);
        });
    let report: RoleReport | undefined;
    this.exited = new Promise((resolve) => {
      const done = (code: number | null, signal: NodeJS.Signals | null, reason?: string) =>
        resolve({
          code,
          signal,
          reason: reason ?? (report?.type === 'failed' || report?.type === 'done' ? report.message : lines.at(-1)),
          exitCode: report?.type === 'failed' ? report.exitCode : undefined,
          done: report?.type === 'done' && code === 0,
        });
      this.#process.on('exit', (code, signal) => done(code, signal));
      this.#process.on('error', (error) => done(null, null, error.message));
    });
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new AstraError('unavailable', 'role_slow', `${spec.name} did not start within ${spec.startMs / 1000} s`),
          ),
        spec.startMs,
      );
      this.#process.on('message', (message: RoleReport) => {
        report = message;
        if (message.type !== 'ready') return;
        clearTimeout(timer);
        resolve(message.details);
      });
      this.exited.then((exit) => {
        clearTimeout(timer);
        reject(startError(spec.name, exit));
      });
    });
    // A death after it was ready is told by `exited`.
    this.ready.catch(() => {});
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Asks it to stop and waits `spec.stopMs`; then kills it. Resolves when it is gone, saying whether it went by itself. */
  async stop(): Promise<boolean> {
    if (this.alive) {
      if (this.#process.connected) this.#process.send({ type: 'stop' } satisfies RoleOrder, () => {});
      else this.#process.kill('SIGTERM');
    }
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      this.kill();
    }, this.spec.stopMs);
    await this.exited;
    clearTimeout(timer);
    return !killed;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

function startError(name: string, exit: ChildExit): AstraError {
  const how = exit.signal ? `was killed by ${exit.signal}` : `ended with code ${exit.code}`;
  const kind = exit.exitCode === 2 ? 'rejected' : 'unavailable';
  return new AstraError(
    kind,
    'role_failed',
    exit.reason ? `${name}: ${exit.reason}` : `${name} ${how} before it was ready`,
  );
}
