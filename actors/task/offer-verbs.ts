import { accept, type Decision, refuse, repeat } from '../../kernel/behavior.ts';
import { isId } from '../../kernel/ids.ts';
import { incarnationMax, refusalsMax, resolvedInputBytesMax } from '../bounds.ts';
import type { Verb } from '../command.ts';
import type { GoalState } from '../goal/state.ts';
import { jsonBytes } from '../json.ts';
import { deadLetter, failed, lost } from './attempt-end.ts';
import type { TaskEvent } from './events.ts';
import { fenced, isHeld } from './fence.ts';
import { errorOf, textOf } from './report.ts';
import type { TaskState } from './state.ts';
import { isOpen, resolvedInput, routeOf, work } from './work.ts';

/** From ready to running: the dispatcher offers, a worker claims, declines or refuses. */
export const offerVerbs = {
  /** The dispatcher's: it is this task's turn. */
  offer(state, _body, { now, head }) {
    const wanted = work(state, head);
    if (wanted?.phase !== 'ready' || wanted.since > now) return accept<TaskEvent>([]);
    const bytes = jsonBytes(resolvedInput(state, head as GoalState));
    if (bytes > resolvedInputBytesMax)
      return accept<TaskEvent>([
        deadLetter(state, {
          code: 'input_too_large',
          message: `expected at most ${resolvedInputBytesMax} bytes of input with the results of upstream tasks, found ${bytes}`,
          retryable: false,
        }),
      ]);
    const data = { attempt: state.attempt + 1, offer: 1, run: state.run, readyAt: wanted.since };
    return accept<TaskEvent>([{ type: 'TaskQueued', data }]);
  },

  claim(state, body, { head }) {
    const { worker, incarnation } = body;
    if (isHeld(state, body)) return repeat();
    if (state.status !== 'queued' || state.attempt !== body['attempt']) return fenced(state, body);
    if (!isWorker(worker) || !isIncarnation(incarnation))
      return refuse('rejected', 'invalid_input', 'expected { attempt, worker, incarnation }');
    const goal = head as GoalState;
    if (!isOpen(goal, state))
      return refuse(
        'conflict',
        'goal_paused',
        `its goal is ${goal.status}: the attempt is offered again when it goes on`,
      );
    return accept<TaskEvent>([{ type: 'TaskStarted', data: { attempt: state.attempt, worker, incarnation } }]);
  },

  /** Gives an attempt back: one that was not claimed is offered again, one that was is lost. */
  decline(state, body, context) {
    if (isHeld(state, body)) return lost(state, textOf(body['reason'], 'declined'), context);
    return state.status === 'queued' && state.attempt === body['attempt'] ? offerAgain(state) : accept<TaskEvent>([]);
  },

  /** A worker cannot run it: another one may; when none of those that live can, another attempt cannot help either. */
  refuse(state, body, context) {
    const { attempt, worker, code, reason } = body;
    const isQueued = state.status === 'queued' && state.attempt === attempt;
    if (!isQueued && !isHeld(state, body)) return fenced(state, body);
    if (!isWorker(worker))
      return refuse('rejected', 'invalid_input', 'expected { attempt, worker, incarnation, code, reason }');
    const error = {
      ...errorOf({ code: code ?? 'refused', message: textOf(reason, 'the worker cannot run this task') }),
      retryable: false,
    };
    if (!isQueued) return failed(state, error, context);
    const wasKnown = state.refusedBy.includes(worker);
    const others = context
      .serving(routeOf(state))
      ?.filter((other) => other !== worker && !state.refusedBy.includes(other));
    if (others?.length === 0 || state.refusedBy.length >= refusalsMax)
      return accept<TaskEvent>([deadLetter(state, error)]);
    // Offered again at once, the same worker might refuse it again and again: its timer does it the next time.
    return wasKnown ? accept<TaskEvent>([]) : offerAgain(state, worker);
  },
} satisfies Record<string, Verb<TaskState, TaskEvent>>;

/** The same attempt, under a new number of the offer. */
export const offerAgain = (state: TaskState, refusedBy?: string): Decision<TaskEvent> =>
  accept<TaskEvent>([
    {
      type: 'TaskQueued',
      data: {
        attempt: state.attempt,
        offer: state.offer + 1,
        run: state.run,
        readyAt: state.readyAt,
        ...(refusedBy === undefined ? null : { refusedBy }),
      },
    },
  ]);

const isWorker = (value: unknown): value is string => typeof value === 'string' && isId('wk', value);
const isIncarnation = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= incarnationMax;
