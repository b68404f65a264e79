/**
 * Errors. A defect throws a plain Error and stops its shard or process; everything that can happen in operation is an
 * {@link AstraError} with a stable `code`, a `kind` that decides about retrying, details as data, and a cause.
 */

/** What an operating error means for the caller; the edge maps each kind to HTTP in one total table. */
export const errorKinds = [
  /** Understood and refused: repeating it unchanged cannot help. */
  'rejected',
  /** The state of the actor does not allow it (now). */
  'conflict',
  /** Done already, under the same command id. */
  'duplicate',
  /** Another owner, epoch or attempt has taken over: stop. */
  'fenced',
  /** A bound is reached: retry later. */
  'overloaded',
  /** A part we depend on does not answer: retry later. */
  'unavailable',
  /** It may or may not have happened: read back before any retry. */
  'indeterminate',
  /** Ended on request. */
  'cancelled',
  /** A defect of a behavior, contained to its command. */
  'contained',
  /** Stored data is not what its hash or its density says. */
  'corrupt',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** One fault of an input. `pointer` is an RFC 6901 pointer into it. */
export interface Fault {
  readonly pointer: string;
  readonly message: string;
}

/** An operating error as data: what travels in replies, events and problem documents. */
export interface Problem {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly detail: string;
  readonly errors?: readonly Fault[];
  /** Present where retrying helps. */
  readonly retryAfterMs?: number;
}

export interface AstraErrorOptions {
  readonly errors?: readonly Fault[];
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** An operating error, thrown. `message` says what was expected, what was found and what to do. */
export class AstraError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly errors: readonly Fault[] | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, code: string, detail: string, options: AstraErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AstraError';
    this.kind = kind;
    this.code = code;
    this.errors = options.errors;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The error without its stack and cause, fit for a reply or an event. */
  toProblem(): Problem {
    return {
      code: this.code,
      kind: this.kind,
      detail: this.message,
      ...(this.errors ? { errors: this.errors } : {}),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }

  static fromProblem(problem: Problem): AstraError {
    return new AstraError(problem.kind, problem.code, problem.detail, {
      ...(problem.errors ? { errors: problem.errors } : {}),
      ...(problem.retryAfterMs === undefined ? {} : { retryAfterMs: problem.retryAfterMs }),
    });
  }
}
