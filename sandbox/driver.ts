import type { Json } from '../kernel/envelope.ts';
import type { Enforcement, TaskLimits } from './limits.ts';

/**
 * The port to what contains a task. A driver runs commands or JavaScript functions, holds the limits it says it
 * enforces, and always comes back with an outcome: it throws only on a defect. One contract suite
 * (driver.contract.ts) holds all of them.
 */
export interface Driver {
  readonly name: string;
  /** What it can run. */
  readonly runs: Program['kind'];
  /** How limits are held here; what is not named is refused before the claim. */
  readonly enforces: Enforcement;
  /** What a task's log says first: what this driver does not contain. */
  readonly warning?: string;
  /**
   * Runs one job to its end. When it resolves nothing of the job runs any more, as far as this driver can tell.
   * Aborting `job.signal` ends it with `cancelled`, within a second.
   */
  run(job: Job): Promise<Outcome>;
  /** Ends what still runs and gives back what is held ready. */
  close(): Promise<void>;
}

export type Program =
  | {
      readonly kind: 'command';
      /** Program and arguments; a program without a slash is looked up in the sandbox's PATH. */
      readonly argv: readonly [string, ...string[]];
      /** Beside the minimal environment of the driver. */
      readonly env: Readonly<Record<string, string>>;
      readonly stdin: Uint8Array;
      /** Placed in the work directory, which is the current one; relative paths without `..`. */
      readonly files: readonly InputFile[];
    }
  | {
      readonly kind: 'function';
      /** A function expression, or the absolute path of a module whose default export (or `name`) is the function. */
      readonly source: { readonly code: string } | { readonly module: string; readonly name: string };
      readonly args: readonly Json[];
    };

export interface InputFile {
  readonly path: string;
  readonly data: Uint8Array;
  readonly executable?: boolean;
}

export interface Job {
  /** `<taskId>:<attempt>`, for names and labels. */
  readonly name: string;
  readonly program: Program;
  readonly timeoutMs: number;
  readonly limits: TaskLimits;
  readonly signal: AbortSignal;
  /** Output as it comes; no call after `run` has resolved. */
  readonly onOutput: (stream: OutputStream, chunk: Uint8Array) => void;
  /** A function sends a message to an agent; no call after `run` has resolved. Commands leave a file instead. */
  readonly onMessage?: (agentId: string, message: Json) => void;
  /** A function asks something of its worker; what is thrown, it hears. */
  readonly onQuestion?: (question: Question, about: Json) => Promise<Json>;
}

/** The profile of the agent that it works for; the id of an agent that it spawns with this profile. */
export type Question = 'profile' | 'spawn';

export type OutputStream = 'stdout' | 'stderr';

/** Why a job ended. */
export type EndReason =
  /** By itself. */
  | 'exit'
  | 'timeout'
  /** Out of memory. */
  | 'oom'
  | 'pids'
  | 'disk'
  /** More output than allowed. */
  | 'output'
  /** Its signal was aborted. */
  | 'cancelled'
  /** It vanished, or could not be started: another attempt may help. */
  | 'lost';

export interface Outcome {
  readonly reason: EndReason;
  /** Of a command that ended by itself. */
  readonly exitCode?: number;
  /** Of a command that a signal ended: `SIGSEGV`. */
  readonly signal?: string;
  /** What a function returned. */
  readonly value?: Json;
  /** What a function threw, or why the job was lost. */
  readonly error?: { readonly name: string; readonly message: string };
  readonly wallMs: number;
  /**
   * What a command left in `out/`, `result.json` and `messages.jsonl` of its work directory, in any order; to be read before
   * `dispose`. Absent for functions.
   */
  readonly files?: () => AsyncIterable<OutputFile>;
  /** Removes the work directory. */
  dispose(): Promise<void>;
}

export interface OutputFile {
  /** Relative to the work directory, slashes between: `out/chart.svg`. */
  readonly path: string;
  readonly kind: 'file' | 'link' | 'other';
  readonly size: number;
  /** The bytes; of the entry itself, never of what a link names. Must be read before the next entry. */
  open(): AsyncIterable<Uint8Array>;
}

/** Where a command finds its input, leaves its artifacts, its result and its messages, relative to its work directory. */
export const inputFile = 'input.json';
export const outputDirectory = 'out';
export const resultFile = 'result.json';
/** A message a line: `{ "to": "ag_…", "type": "…", "payload": … }`. */
export const messagesFile = 'messages.jsonl';
