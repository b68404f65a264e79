import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { extname, isAbsolute, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Clock } from '../../kernel/clock.ts';
import type { Json } from '../../kernel/envelope.ts';
import {
  outputBytesDefault,
  resultBytesMax,
  threadHeapBytesDefault,
  threadHeapBytesMin,
  threadIdleMs,
  threadPoolsMax,
} from '../bounds.ts';
import type { Driver, EndReason, Job, Outcome, Program } from '../driver.ts';
import type { Enforcement } from '../limits.ts';
import type { ThreadAnswer, ThreadMessage, ThreadResult, ThreadTask } from './thread-message.ts';

export interface ThreadDriverOptions {
  /** Functions that run at once. */
  readonly threads: number;
  /** Directories whose modules may be run; none by default. */
  readonly modules?: readonly string[];
  readonly clock: Clock;
}

const enforces: Enforcement = {
  memoryBytes: "V8's limit of the thread's heap; buffers outside the heap are not counted",
  outputBytes: 'counted in the thread',
  network: { full: 'nothing restricts it' },
};

/**
 * JavaScript functions in threads of the worker's process: a heap limit, an output limit, and a time limit that also
 * ends a loop which never yields, because the thread is terminated. No more: a function that wants to can reach the
 * process, so this is for trusted code.
 */
export function threadDriver(options: ThreadDriverOptions): Driver {
  return new ThreadDriver(options);
}

type FunctionProgram = Extract<Program, { kind: 'function' }>;

class ThreadDriver implements Driver {
  readonly name = 'thread';
  readonly runs = 'function';
  readonly enforces = enforces;
  readonly #options: ThreadDriverOptions;
  readonly #modules: readonly string[];
  /** By heap limit, least recently used first: V8 fixes a thread's heap when it starts. */
  readonly #pools = new Map<number, { readonly pool: Piscina<ThreadTask, ThreadResult>; running: number }>();

  constructor(options: ThreadDriverOptions) {
    this.#options = options;
    this.#modules = (options.modules ?? []).map((directory) => realpathSync(resolve(directory)));
  }

  async run(job: Job): Promise<Outcome> {
    if (job.program.kind !== 'function') throw new Error(`the thread driver runs functions, not a ${job.program.kind}`);
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    const ended = await this.#run(job, job.program);
    return { ...ended, wallMs: clock.monotonicMs() - beganMs, dispose: async () => undefined };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.destroy()));
    this.#pools.clear();
  }

  async #run(job: Job, program: FunctionProgram): Promise<Omit<Outcome, 'wallMs' | 'dispose'>> {
    const source = this.#source(program.source);
    if (!source)
      return {
        reason: 'exit',
        error: {
          name: 'ModuleNotAllowed',
          message: 'The module is not in a directory that this worker runs modules of.',
        },
      };
    const held = this.#pool(job.limits.memoryBytes ?? threadHeapBytesDefault);
    const { port1, port2 } = new MessageChannel();
    const stop = new AbortController();
    let reason: EndReason | undefined;
    let thread: Worker | undefined;
    const end = (why: EndReason) => {
      if (reason) return;
      reason = why;
      stop.abort();
    };
    let streaming = true;
    port1.on('message', (message: ThreadMessage) => {
      if (message.kind === 'started') thread = held.pool.threads.find(({ threadId }) => threadId === message.threadId);
      else if (message.kind === 'overflow') end('output');
      else if (!streaming) return;
      else if (message.kind === 'message') job.onMessage?.(...(JSON.parse(message.json) as [string, Json]));
      else if (message.kind === 'question') void answerOf(job, message).then((answer) => port1.postMessage(answer));
      else job.onOutput(message.stream, Buffer.from(message.text, 'utf8'));
    });
    const cancelled = () => end('cancelled');
    job.signal.addEventListener('abort', cancelled, { once: true });
    if (job.signal.aborted) cancelled();
    const cancelTimer = this.#options.clock.after(job.timeoutMs, () => end('timeout'));
    held.running++;
    try {
      const task: ThreadTask = {
        source,
        args: JSON.stringify(program.args),
        outputBytesMax: job.limits.outputBytes ?? outputBytesDefault,
        valueBytesMax: resultBytesMax * 2,
        port: port2,
      };
      const closed = once(port1, 'close');
      const result = await held.pool.run(task, { transferList: [port2], signal: stop.signal });
      // The thread has closed its end: what it said before is here.
      await closed;
      if (reason) return { reason };
      return result.ok
        ? { reason: 'exit', ...(result.json === undefined ? {} : { value: JSON.parse(result.json) as Json }) }
        : { reason: 'exit', error: { name: result.name, message: result.message } };
    } catch (error) {
      await thread?.terminate();
      if (reason) return { reason };
      return failed(error as NodeJS.ErrnoException);
    } finally {
      streaming = false;
      held.running--;
      cancelTimer();
      job.signal.removeEventListener('abort', cancelled);
      port1.close();
    }
  }

  /** The module by its real path, if a directory of the configuration holds it; code as it is. */
  #source(source: FunctionProgram['source']): FunctionProgram['source'] | undefined {
    if ('code' in source) return source;
    if (!isAbsolute(source.module)) return undefined;
    try {
      const module = realpathSync(source.module);
      return this.#modules.some((directory) => module.startsWith(directory + sep)) ? { ...source, module } : undefined;
    } catch {
      return undefined;
    }
  }

  #pool(heapBytes: number) {
    const megabytes = Math.ceil(Math.max(heapBytes, threadHeapBytesMin) / 2 ** 20);
    const found = this.#pools.get(megabytes);
    if (found) {
      this.#pools.delete(megabytes);
      this.#pools.set(megabytes, found);
      return found;
    }
    for (const [size, { pool, running }] of this.#pools)
      if (this.#pools.size >= threadPoolsMax && running === 0) {
        this.#pools.delete(size);
        void pool.destroy();
      }
    const youngMegabytes = Math.max(1, Math.min(16, Math.floor(megabytes / 8)));
    const pool = new Piscina<ThreadTask, ThreadResult>({
      filename: fileURLToPath(new URL(`./thread-entry${extname(import.meta.url)}`, import.meta.url)),
      minThreads: 1,
      maxThreads: this.#options.threads,
      idleTimeout: threadIdleMs,
      // A thread that waits for its next task must not hold up what the last one left to its event loop.
      atomics: 'disabled',
      // Nothing of the worker's: no environment, no arguments.
      env: {},
      argv: [],
      resourceLimits: { maxOldGenerationSizeMb: megabytes - youngMegabytes, maxYoungGenerationSizeMb: youngMegabytes },
    });
    // A thread that dies between tasks is replaced; one that dies in a task rejects its run.
    pool.on('error', () => undefined);
    const held = { pool, running: 0 };
    this.#pools.set(megabytes, held);
    return held;
  }
}

async function answerOf(
  { onQuestion }: Job,
  { n, question, json }: Extract<ThreadMessage, { kind: 'question' }>,
): Promise<ThreadAnswer> {
  try {
    return { n, ok: true, value: await onQuestion?.(question, JSON.parse(json) as Json) };
  } catch (error) {
    return { n, ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function failed(error: NodeJS.ErrnoException): Omit<Outcome, 'wallMs' | 'dispose'> {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') return { reason: 'oom' };
  // Thrown where nobody could catch it, such as in a timer's callback: the function's fault, not the thread's.
  if (error.code === undefined) return { reason: 'exit', error: { name: error.name, message: error.message } };
  return { reason: 'lost', error: { name: error.name, message: error.message } };
}
