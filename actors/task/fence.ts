import { type Decision, refuse } from '../../kernel/behavior.ts';
import type { Fields } from '../command.ts';
import type { TaskState } from './state.ts';

/** An attempt is spoken of by its number and, once it is claimed, by its holder alone. */

export const fenced = ({ attempt: current, status }: TaskState, { attempt }: Fields): Decision<never> =>
  refuse(
    'conflict',
    'attempt_fenced',
    `expected ${current === 0 ? 'no attempt yet' : `attempt ${current} or its holder`} of a ${status} task, found attempt ${JSON.stringify(attempt ?? null).slice(0, 80)}`,
  );

const isHolder = (state: TaskState, { attempt, worker, incarnation }: Fields): boolean =>
  state.attempt === attempt && state.worker !== '' && state.worker === worker && state.incarnation === incarnation;

/** Whether this attempt runs, and its holder speaks. */
export const isHeld = (state: TaskState, body: Fields): boolean => state.status === 'running' && isHolder(state, body);

/** Whether its holder speaks of the attempt that has ended, in this run: it may repeat its report. */
export const hasEnded = (state: TaskState, body: Fields): boolean =>
  (state.status === 'completed' || state.status === 'failed' || state.status === 'dead_letter') &&
  isHolder(state, body);
