import { accept, type DecideContext, type Decision } from '../../kernel/behavior.ts';
import { plusMs } from '../../kernel/brand.ts';
import type { Artifact, TaskError, TaskEvent } from './events.ts';
import type { TaskState } from './state.ts';

/** How an attempt that did not complete goes on: retried behind a back-off, or a dead letter. */

export const deadLetter = ({ attempt, run }: TaskState, error: TaskError): TaskEvent => ({
  type: 'TaskDeadLettered',
  data: { attempt, run, error },
});

const attemptsOfRun = ({ attempt, attemptsBefore }: TaskState): number => attempt - attemptsBefore;
const hasAttemptsLeft = (state: TaskState): boolean => attemptsOfRun(state) < state.planned.maxAttempts;

/** Exponential with full jitter: anywhere from `minMs` to the step, which doubles with every attempt up to `maxMs`. */
export function backoffMs({ minMs, maxMs }: TaskState['planned']['backoff'], attempts: number, chance: number): number {
  const step = Math.min(maxMs, Math.max(1, minMs) * 2 ** attempts);
  return Math.round(minMs + chance * Math.max(0, step - minMs));
}

/** A failed attempt: its retry, drawn once and recorded, or the end. */
export function failed(
  state: TaskState,
  error: TaskError,
  context: DecideContext,
  artifacts: readonly Artifact[] = [],
): Decision<TaskEvent> {
  const data = { attempt: state.attempt, error, ...(artifacts.length === 0 ? null : { artifacts }) };
  if (error.retryable === false || !hasAttemptsLeft(state))
    return accept<TaskEvent>([{ type: 'TaskAttemptFailed', data }, deadLetter(state, error)]);
  const retryAt = plusMs(context.now, backoffMs(state.planned.backoff, attemptsOfRun(state), context.random()));
  return accept<TaskEvent>([{ type: 'TaskAttemptFailed', data: { ...data, retryAt } }]);
}

/** A lost attempt counts as one; the next is ready at once, since nothing of the task's own doing failed. */
export function lost(state: TaskState, reason: string, { now }: DecideContext): Decision<TaskEvent> {
  const data = { attempt: state.attempt, worker: state.worker, reason };
  if (hasAttemptsLeft(state)) return accept<TaskEvent>([{ type: 'TaskAttemptLost', data: { ...data, retryAt: now } }]);
  return accept<TaskEvent>([
    { type: 'TaskAttemptLost', data },
    deadLetter(state, { code: 'attempt_lost', message: `the worker of the last attempt was lost (${reason})` }),
  ]);
}
