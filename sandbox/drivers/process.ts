import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import type { constants } from 'node:os';
import { join, resolve } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { AstraError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { killGraceMs, outputBytesDefault, pipeLingerMs } from '../bounds.ts';
import {
  type Driver,
  type EndReason,
  inputFile,
  type Job,
  type Outcome,
  outputDirectory,
  resultFile,
} from '../driver.ts';
import type { Enforcement } from '../limits.ts';
import { Workspace, workspacePrefix } from '../workspace.ts';
import { killStrays, markerName } from './stray-processes.ts';

export interface ProcessDriverOptions {
  /** Drivers that the configuration names: without `process` among them this one refuses to be. */
  readonly allowed: readonly string[];
  /** Where work directories are made; of this worker alone. */
  readonly root: string;
  /** Where programs are looked up. */
  readonly path?: string;
  readonly clock: Clock;
  readonly random: Random;
}

const enforces: Enforcement = {
  outputBytes: 'counted by the worker, which kills the process group',
  network: { full: 'nothing restricts it' },
};

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin';

/**
 * Commands as plain processes, for trusted development only: nothing contains them. Each has its own process group and
 * work directory, an environment of its own (never Astra's), a time limit and an output limit. What leaves the group
 * (`setsid`) is found by its environment on Linux; elsewhere, or with that cleared, it is not found.
 * Throws `rejected` / `driver_not_allowed` unless the configuration allows it by name.
 */
export function processDriver(options: ProcessDriverOptions): Driver {
  if (!options.allowed.includes('process'))
    throw new AstraError(
      'rejected',
      'driver_not_allowed',
      'The process driver contains nothing: it runs only where the configuration names it (drivers: process), and only for work that you trust.',
    );
  return new ProcessDriver(options);
}

class ProcessDriver implements Driver {
  readonly name = 'process';
  readonly runs = 'command';
  readonly enforces = enforces;
  readonly warning = 'driver process: nothing contains this task; it can do what the worker can';
  readonly #options: ProcessDriverOptions;
  readonly #root: string;
  /** Begins the markers of all jobs under this root. */
  readonly #family: string;
  readonly #running = new Set<ProcessRun>();
  #ready: Promise<void> | undefined;
  #closed = false;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    this.#root = resolve(options.root);
    this.#family = createHash('sha256').update(this.#root).digest('hex').slice(0, 16);
  }

  async run(job: Job): Promise<Outcome> {
    if (job.program.kind !== 'command') throw new Error(`the process driver runs commands, not a ${job.program.kind}`);
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    this.#ready ??= this.#cleanUp();
    await this.#ready;
    if (job.signal.aborted) return { reason: 'cancelled', wallMs: 0, dispose: async () => undefined };
    const workspace = await Workspace.create(this.#root, job.program.files);
    try {
      const run = new ProcessRun(
        job,
        this.#environment(job.program.env, workspace.directory),
        workspace.directory,
        clock,
      );
      this.#running.add(run);
      if (this.#closed) run.end('lost');
      const ended = await run.ended;
      this.#running.delete(run);
      return {
        ...ended,
        wallMs: clock.monotonicMs() - beganMs,
        files: () => workspace.files(),
        dispose: () => workspace.dispose(),
      };
    } catch (error) {
      await workspace.dispose();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#running].map((run) => {
        run.end('lost');
        return run.ended;
      }),
    );
  }

  #environment(declared: Readonly<Record<string, string>>, directory: string): Record<string, string> {
    return {
      PATH: this.#options.path ?? defaultPath,
      HOME: directory,
      TMPDIR: join(directory, 'tmp'),
      LANG: 'C.UTF-8',
      ...declared,
      ASTRA_INPUT: join(directory, inputFile),
      ASTRA_OUTPUT: join(directory, outputDirectory),
      ASTRA_RESULT: join(directory, resultFile),
      [markerName]: `${this.#family}.${this.#options.random.bytes(8).toString('hex')}`,
    };
  }

  /** Ends and removes what an earlier life of this worker left. */
  async #cleanUp(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    killStrays(`${this.#family}.`);
    for (const name of await readdir(this.#root))
      if (name.startsWith(workspacePrefix)) await new Workspace(join(this.#root, name)).dispose();
  }
}

type Ended = Pick<Outcome, 'reason' | 'exitCode' | 'signal' | 'error'>;

/** One process group, from its start to the death of everything in it. */
class ProcessRun {
  readonly ended: Promise<Ended>;
  readonly #job: Job;
  readonly #child: ChildProcess;
  readonly #marker: string;
  readonly #clock: Clock;
  #reason: EndReason | undefined;
  #outputBytes = 0;
  #over = false;
  #cancels: (() => void)[] = [];

  constructor(job: Job, env: Record<string, string>, directory: string, clock: Clock) {
    if (job.program.kind !== 'command') throw new Error('not a command');
    this.#job = job;
    this.#clock = clock;
    this.#marker = env[markerName] as string;
    const [file, ...args] = job.program.argv;
    // Detached: leader of a session and group of its own, so that all of it can be signalled at once.
    this.#child = spawn(file, args, { cwd: directory, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.ended = this.#follow(job.program.stdin);
  }

  /** Ends it for this reason: SIGTERM to the group, SIGKILL a moment later. */
  end(reason: EndReason): void {
    if (this.#reason || this.#over) return;
    this.#reason = reason;
    this.#signal('SIGTERM');
    this.#cancels.push(this.#clock.after(killGraceMs, () => this.#signal('SIGKILL')));
  }

  async #follow(stdin: Uint8Array): Promise<Ended> {
    const child = this.#child;
    const { signal, timeoutMs } = this.#job;
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.on('data', (chunk: Buffer) => this.#output(stream, chunk)).on('error', () => undefined);
    // A program need not read its input.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
    const cancelled = () => this.end('cancelled');
    signal.addEventListener('abort', cancelled, { once: true });
    if (signal.aborted) cancelled();
    this.#cancels.push(this.#clock.after(timeoutMs, () => this.end('timeout')));
    try {
      const closed = new Promise<void>((done) => child.once('close', () => done()));
      const [exitCode, exitSignal] = await this.#exited();
      // What it left running in its group, and what left the group.
      this.#signal('SIGKILL');
      killStrays(this.#marker, child.pid);
      await Promise.race([closed, new Promise<void>((done) => this.#clock.after(pipeLingerMs, done))]);
      return {
        reason: this.#reason ?? 'exit',
        ...(exitCode === null ? {} : { exitCode }),
        ...(exitSignal === null ? {} : { signal: exitSignal }),
      };
    } catch (error) {
      return this.#notStarted(error as NodeJS.ErrnoException);
    } finally {
      this.#over = true;
      signal.removeEventListener('abort', cancelled);
      for (const cancel of this.#cancels) cancel();
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
    }
  }

  async #exited(): Promise<[number | null, NodeJS.Signals | null]> {
    const [code, signal] = (await once(this.#child, 'exit')) as [number | null, NodeJS.Signals | null];
    return [code, signal];
  }

  /** As a shell says it: 127 for a program that is not there, 126 for one that cannot be run. */
  #notStarted(error: NodeJS.ErrnoException): Ended {
    const exitCode =
      error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 127 : error.code === 'EACCES' ? 126 : undefined;
    const message = `${this.#child.spawnfile}: ${error.code ?? error.message}`;
    if (exitCode === undefined) return { reason: 'lost', error: { name: 'StartFailed', message } };
    this.#job.onOutput('stderr', Buffer.from(`${message}\n`));
    return { reason: this.#reason ?? 'exit', exitCode };
  }

  #output(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#over || this.#reason === 'output') return;
    const outputBytes = this.#job.limits.outputBytes ?? outputBytesDefault;
    const room = outputBytes - this.#outputBytes;
    this.#outputBytes += chunk.length;
    this.#job.onOutput(stream, chunk.length > room ? chunk.subarray(0, room) : chunk);
    if (chunk.length > room) this.end('output');
  }

  #signal(signal: keyof typeof constants.signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // The whole group has gone.
    }
  }
}
