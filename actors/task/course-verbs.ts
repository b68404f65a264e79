import { accept, refuse } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { Verb } from '../command.ts';
import { hasDependantsUnderWay } from '../goal/graph.ts';
import { planningTask } from '../goal/planning-task.ts';
import { type GoalState, isEnded as isGoalEnded } from '../goal/state.ts';
import { failed, lost } from './attempt-end.ts';
import type { TaskEvent } from './events.ts';
import { isHeld } from './fence.ts';
import { offerAgain } from './offer-verbs.ts';
import { textOf } from './report.ts';
import { isEnded, type TaskState } from './state.ts';
import { isOpen } from './work.ts';

/** I8: what a goal has told its tasks may come late, because it was parked and redriven; by then another run may be under way. */
const isOfEarlierRun = (run: Json | undefined, goal: unknown): boolean =>
  typeof run === 'number' && run < (goal as GoalState).run;

/** What others do to a task: the kernel, its goal, and people. */
export const courseVerbs = {
  /** Liveness's: the attempt's worker is gone. */
  lost: (state, body, context) =>
    isHeld(state, body) ? lost(state, textOf(body['reason'], 'worker_silent'), context) : accept<TaskEvent>([]),

  timer(state, { name, generation }, context) {
    const { status, planned } = state;
    if (
      name === 'offer' &&
      status === 'queued' &&
      state.offer === generation &&
      isOpen(context.head as GoalState, state)
    )
      return offerAgain(state);
    if (name === 'timeout' && status === 'running' && state.attempt === generation)
      return failed(
        state,
        {
          code: 'timeout',
          message: `the attempt took longer than ${planned.timeoutMs} ms, and its worker did not end it`,
        },
        context,
      );
    return accept<TaskEvent>([]);
  },

  /** A person's, or with a code its goal's, which does not mind when it has ended already. */
  cancel(state, { code, reason, culprit, run }, { head }) {
    if (isOfEarlierRun(run, head)) return accept<TaskEvent>([]);
    if (isEnded(state))
      return code === undefined
        ? refuse('conflict', 'invalid_transition', `expected an open task, found a ${state.status} one`)
        : accept<TaskEvent>([]);
    const data = {
      code: textOf(code, 'cancelled'),
      ...(typeof reason === 'string' ? { reason } : null),
      ...(typeof culprit === 'string' ? { culprit } : null),
    };
    return accept<TaskEvent>([{ type: 'TaskCancelled', data }]);
  },

  /** Begins the next run of its goal; or joins it, when another dead letter of the same goal has begun it. */
  redrive(state, _body, { head }) {
    const goal = head as GoalState;
    if (state.status !== 'dead_letter')
      return refuse('conflict', 'invalid_transition', `expected a dead letter, found a ${state.status} task`);
    if (state.planned.key === planningTask.key)
      return refuse('conflict', 'invalid_transition', 'a planning task is not redriven: submit the goal again');
    const isOver = goal.status === 'failed' || goal.status === 'completed';
    if (!isOver && !(goal.status === 'active' && state.run < goal.run))
      return refuse(
        'conflict',
        'invalid_transition',
        `expected a goal that has ended, found one that is ${goal.status}`,
      );
    const node = goal.graph?.nodes.get(state.planned.key);
    if (!isOver && goal.graph && node && hasDependantsUnderWay(goal.graph, node))
      return refuse(
        'conflict',
        'invalid_transition',
        'expected nothing that depends on it to be under way, found some that goes on without it: redrive when the goal has ended',
      );
    return accept<TaskEvent>([{ type: 'TaskRedriven', data: { run: isOver ? goal.run + 1 : goal.run } }]);
  },

  /** Its goal's: what had cancelled it is being redriven. What was kept back meanwhile finds the goal ended. */
  reopen: (state, { run }, { head }) =>
    state.status === 'cancelled' &&
    typeof run === 'number' &&
    !isOfEarlierRun(run, head) &&
    !isGoalEnded(head as GoalState)
      ? accept<TaskEvent>([{ type: 'TaskReopened', data: { run } }])
      : accept<TaskEvent>([]),

  signal(state, { name, payload }) {
    if (state.status !== 'running')
      return refuse('conflict', 'invalid_transition', `expected a running task, found a ${state.status} one`);
    if (typeof name !== 'string') return refuse('rejected', 'invalid_input', 'expected { name, payload? }');
    const data = { name, ...(payload === undefined ? null : { payload }) };
    return accept<TaskEvent>([{ type: 'TaskSignalled', data }]);
  },
} satisfies Record<string, Verb<TaskState, TaskEvent>>;
