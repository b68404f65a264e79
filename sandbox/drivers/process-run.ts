import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { constants } from 'node:os';
import type { Clock } from '../../kernel/clock.ts';
import { killGraceMs, outputBytesDefault, pipeLingerMs } from '../bounds.ts';
import type { EndReason, Job, Outcome, Program } from '../driver.ts';
import { killStrays, markerName } from './stray-processes.ts';

/** How it ended. */
export type Ended = Pick<Outcome, 'reason' | 'exitCode' | 'signal' | 'error'>;

export type CommandProgram = Extract<Program, { kind: 'command' }>;

/** One process group, from its start to the death of everything in it. */
export class ProcessRun {
  readonly ended: Promise<Ended>;
  readonly #job: Job;
  readonly #child: ChildProcess;
  readonly #marker: string;
  readonly #clock: Clock;
  #reason: EndReason | undefined;
  #outputBytes = 0;
  #over = false;
  #cancels: (() => void)[] = [];

  /** Starts it. Throws what `spawn` throws at once, such as E2BIG. */
  constructor(job: Job, program: CommandProgram, env: Record<string, string>, directory: string, clock: Clock) {
    this.#job = job;
    this.#clock = clock;
    this.#marker = env[markerName] as string;
    const [file, ...args] = program.argv;
    // Detached: leader of a session and group of its own, so that all of it can be signalled at once.
    this.#child = spawn(file, args, { cwd: directory, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.ended = this.#follow(program);
  }

  /** Ends it for this reason: SIGTERM to the group, SIGKILL a moment later. */
  end(reason: EndReason): void {
    if (this.#reason || this.#over) return;
    this.#reason = reason;
    this.#signal('SIGTERM');
    this.#cancels.push(this.#clock.after(killGraceMs, () => this.#signal('SIGKILL')));
  }

  async #follow(program: CommandProgram): Promise<Ended> {
    const child = this.#child;
    const { signal, timeoutMs } = this.#job;
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.on('data', (chunk: Buffer) => this.#output(stream, chunk)).on('error', () => undefined);
    // A program need not read its input.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(program.stdin);
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
      return this.#reason ? { reason: this.#reason } : notStarted(this.#job, program, error as NodeJS.ErrnoException);
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

const exitCodes: Readonly<Record<string, number>> = {
  ENOENT: 127,
  ENOTDIR: 127,
  EACCES: 126,
  ENOEXEC: 126,
  E2BIG: 126,
};

/** As a shell says it: 127 for a program that is not there, 126 for one that cannot be run; anything else is not the job's fault. */
export function notStarted(job: Job, program: CommandProgram, error: NodeJS.ErrnoException): Ended {
  const exitCode = exitCodes[error.code ?? ''];
  const message = `${program.argv[0]}: ${error.code ?? error.message}`;
  if (exitCode === undefined) return { reason: 'lost', error: { name: 'StartFailed', message } };
  job.onOutput('stderr', Buffer.from(`${message}\n`));
  return { reason: 'exit', exitCode };
}
