import type { ErrorKind } from '../kernel/errors.ts';
import { AstraError } from '../kernel/errors.ts';

/** What the command's exit codes mean; part of its public contract. */
export const exitCode = {
  completed: 0,
  /** It ran and did not succeed: a failed goal, a broken chain, a sick dependency, a conflict. */
  failed: 1,
  /** What was asked for is not valid: an option, a file, a plan. */
  usage: 2,
  /** Something it needs does not answer: a gateway, a database, a port. */
  unavailable: 3,
  /** Interrupted by Ctrl-C: 128 + SIGINT, as shells expect. */
  interrupted: 130,
} as const;

const byKind: Record<ErrorKind, number> = {
  rejected: exitCode.usage,
  conflict: exitCode.failed,
  duplicate: exitCode.failed,
  fenced: exitCode.failed,
  overloaded: exitCode.unavailable,
  unavailable: exitCode.unavailable,
  indeterminate: exitCode.unavailable,
  cancelled: exitCode.failed,
  contained: exitCode.failed,
  corrupt: exitCode.failed,
};

/** The exit code of an error: by its kind; what was not found is a failure, not a wrong use. A defect is a failure. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof AstraError)) return exitCode.failed;
  return error.code === 'not_found' ? exitCode.failed : byKind[error.kind];
}

/** A wrong use of the command line or of a file given to it: exit code 2. */
export const usageError = (code: string, detail: string, cause?: unknown): AstraError =>
  new AstraError('rejected', code, detail, cause === undefined ? {} : { cause });

/** Something we need that does not answer: exit code 3. */
export const unavailableError = (code: string, detail: string, cause?: unknown): AstraError =>
  new AstraError('unavailable', code, detail, cause === undefined ? {} : { cause });
