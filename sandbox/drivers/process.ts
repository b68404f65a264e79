import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { AstraError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import {
  type Driver,
  inputFile,
  type Job,
  messagesFile,
  type Outcome,
  outputDirectory,
  resultFile,
} from '../driver.ts';
import type { Enforcement } from '../limits.ts';
import { Workspace, workspacePrefix } from '../workspace.ts';
import { type CommandProgram, type Ended, notStarted, ProcessRun } from './process-run.ts';
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
      const env = this.#environment(job.program.env, workspace.directory);
      const ended = await this.#runProcess(job, job.program, env, workspace.directory);
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

  async #runProcess(job: Job, program: CommandProgram, env: Record<string, string>, directory: string): Promise<Ended> {
    let run: ProcessRun;
    try {
      run = new ProcessRun(job, program, env, directory, this.#options.clock);
    } catch (error) {
      return notStarted(job, program, error as NodeJS.ErrnoException);
    }
    this.#running.add(run);
    if (this.#closed) run.end('lost');
    const ended = await run.ended;
    this.#running.delete(run);
    return ended;
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
      ASTRA_MESSAGES: join(directory, messagesFile),
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
