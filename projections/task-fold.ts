import type { TaskEvent } from '../actors/task/events.ts';
import { type Micros, micros, type Seq } from '../kernel/brand.ts';
import { timelineEntriesMax } from './bounds.ts';
import type { GoalRow } from './goal-row.ts';
import type { TaskRow, Transition } from './task-row.ts';
import type { Recorded } from './work.ts';
import type { WorkState } from './work-state.ts';

/** Folds an event of a task; one whose goal has left memory changes nothing. */
export function foldTask(state: WorkState, event: Recorded<TaskEvent>, bytes: number): void {
  const { id, org } = event.actor;
  const dot = id.indexOf('.');
  const goal = state.goals.get(org, id.slice(0, dot));
  const task = goal?.task(id.slice(dot + 1));
  if (!goal || !task) return;
  goal.lastSeq = event.seq;
  goal.bytes += bytes;
  if (goal.ended) state.ended.grew(bytes);
  task.lastSeq = event.seq;
  if (event.type === 'TaskProgressed') {
    const { fraction, note } = event.data;
    task.progress = { ...(fraction === undefined ? null : { fraction }), ...(note === undefined ? null : { note }) };
    return;
  }
  change(state, goal, task, event, bytes);
}

function change(
  state: WorkState,
  goal: GoalRow,
  task: TaskRow,
  event: Exclude<Recorded<TaskEvent>, { type: 'TaskProgressed' }>,
  bytes: number,
): void {
  const activity = state.activity(goal.org);
  const { at } = event;
  switch (event.type) {
    case 'TaskQueued': {
      const { attempt, run, readyAt } = event.data;
      if (attempt !== task.attempt) {
        activity.took('scheduling', micros(readyAt), at);
        activity.happened('tasksQueued', at);
        task.progress = undefined;
        task.retryAt = undefined;
      }
      task.attempt = attempt;
      task.run = run;
      task.readyAt = micros(readyAt);
      state.moveTask(task, 'queued');
      break;
    }
    case 'TaskStarted':
      activity.took('pickup', timeOf(task, 'TaskQueued'), at);
      task.attempt = event.data.attempt;
      state.startTask(task, state.interned.string(event.data.worker));
      break;
    case 'TaskCompleted':
      activity.took('execution', timeOf(task, 'TaskStarted'), at);
      activity.happened('tasksFinished', at);
      task.result = event.data.result;
      task.resultBytes = bytes;
      task.artifacts = event.data.artifacts;
      task.error = undefined;
      state.moveTask(task, 'completed');
      break;
    case 'TaskAttemptFailed':
      activity.happened('attemptsFailed', at);
      task.error = event.data.error;
      task.artifacts = event.data.artifacts;
      task.retryAt = event.data.retryAt === undefined ? undefined : micros(event.data.retryAt);
      state.moveTask(task, 'failed');
      break;
    case 'TaskAttemptLost':
      activity.happened('attemptsFailed', at);
      task.error = { code: 'attempt_lost', message: `worker ${event.data.worker}: ${event.data.reason}` };
      task.retryAt = event.data.retryAt === undefined ? undefined : micros(event.data.retryAt);
      state.moveTask(task, 'failed');
      break;
    case 'TaskDeadLettered':
      activity.happened('tasksFinished', at);
      task.error = event.data.error;
      task.retryAt = undefined;
      state.moveTask(task, 'dead_letter');
      state.deadLetters.addTask(task, at, event.seq);
      break;
    case 'TaskCancelled': {
      const { code, reason, culprit } = event.data;
      activity.happened('tasksFinished', at);
      task.error = { code, message: reason ?? (culprit === undefined ? code : `because of ${culprit}`) };
      task.culprit = culprit;
      task.retryAt = undefined;
      state.moveTask(task, 'cancelled');
      break;
    }
    case 'TaskRedriven':
    case 'TaskReopened':
      state.moveTask(task, 'created');
      break;
    case 'TaskSignalled':
      break;
  }
  record(task, event);
  // What follows from it comes behind it.
  if (event.type === 'TaskCompleted' || (task.planned.onFailure === 'continue' && isMissing(goal, event)))
    settle(state, goal, task, at, event.seq);
  else if (event.type === 'TaskRedriven' || event.type === 'TaskReopened') reopen(state, goal, task, event);
}

/** It ended without a result, for itself and not for another one's failure: what depends on it may go on without. */
const isMissing = (goal: GoalRow, { type, data }: Exclude<Recorded<TaskEvent>, { type: 'TaskProgressed' }>): boolean =>
  type === 'TaskDeadLettered' || (type === 'TaskCancelled' && data.culprit === undefined && !goal.ended);

/** It is ready from here on, because of this event of another task or of its own. */
function ready(state: WorkState, task: TaskRow, at: Micros, seq: Seq): void {
  task.readyAt = at;
  state.moveTask(task, 'pending');
  record(task, { type: 'TaskReady', at, seq });
}

/** It has ended in a way that lets its dependants run. */
function settle(state: WorkState, goal: GoalRow, task: TaskRow, at: Micros, seq: Seq): void {
  if (task.isSettledWell) return;
  task.isSettledWell = true;
  for (const dependant of goal.dependantsOf(task.planned.key))
    if (--dependant.waiting === 0 && dependant.status === 'created') ready(state, dependant, at, seq);
}

/** A redrive began another run: it waits for its dependencies, if any are open. */
function reopen(
  state: WorkState,
  goal: GoalRow,
  task: TaskRow,
  { data, at, seq }: Extract<Recorded<TaskEvent>, { type: 'TaskRedriven' | 'TaskReopened' }>,
): void {
  task.run = data.run;
  task.error = undefined;
  task.culprit = undefined;
  task.retryAt = undefined;
  task.result = undefined;
  task.readyAt = undefined;
  if (task.isSettledWell) {
    task.isSettledWell = false;
    for (const dependant of goal.dependantsOf(task.planned.key)) {
      dependant.waiting++;
      if (dependant.status === 'pending') state.moveTask(dependant, 'created');
    }
  }
  if (task.waiting === 0) ready(state, task, at, seq);
}

/** When this last happened to it, in its present attempt or before. */
export function timeOf(task: TaskRow, type: Transition['type']): Micros | undefined {
  for (let entry = task.last; entry; entry = entry.previous) if (entry.type === type) return entry.at;
  return undefined;
}

/** When it ended, in this run. */
export function endedAt(task: TaskRow): Micros | undefined {
  for (let entry = task.last; entry; entry = entry.previous)
    if (entry.type === 'TaskCompleted' || entry.type === 'TaskDeadLettered' || entry.type === 'TaskCancelled')
      return entry.at;
  return undefined;
}

function record(
  task: TaskRow,
  {
    type,
    at,
    seq,
    traceparent,
  }: Pick<Transition, 'type' | 'at' | 'seq'> & { readonly traceparent?: string | undefined },
): void {
  const known = task.last?.traceparent ?? task.goal.facts.traceparent;
  task.last = {
    type,
    status: task.status,
    at,
    seq,
    attempt: task.attempt,
    worker: task.worker,
    traceparent: traceparent === known ? known : traceparent,
    previous: task.last,
  };
  if (++task.transitions <= timelineEntriesMax) return;
  let kept = task.last;
  for (let i = 1; i < timelineEntriesMax && kept.previous; i++) kept = kept.previous;
  kept.previous = undefined;
}
