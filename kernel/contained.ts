import type { Envelope } from './envelope.ts';
import { AstraError, type Problem } from './errors.ts';
import type { Live } from './live.ts';

/** Thrown when a behavior failed where its state may be half changed: the shard forgets what it has in memory, and parks that input. */
export class PoisonedInput extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, cause: unknown) {
    super(problem.detail, { cause });
    this.name = 'PoisonedInput';
    this.problem = problem;
  }
}

/** What a behavior threw, as a problem: contained to the command that it was deciding. */
export function contained(live: Live, envelope: Envelope, error: unknown): Problem {
  if (error instanceof AstraError) return error.toProblem();
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'contained',
    code: 'internal',
    detail: `${live.behavior.type} failed on ${envelope.verb}: ${message}`,
  };
}

/** What may be over when it is tried again: it is no input's fault. */
export const isPassing = (error: unknown): boolean =>
  error instanceof AstraError && ['unavailable', 'overloaded', 'indeterminate', 'fenced'].includes(error.kind);

/** Any error as a problem. */
export function problemOf(error: unknown): Problem {
  if (error instanceof PoisonedInput) return error.problem;
  if (error instanceof AstraError) return error.toProblem();
  return { kind: 'contained', code: 'internal', detail: error instanceof Error ? error.message : String(error) };
}
