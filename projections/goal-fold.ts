import type { GoalEvent } from '../actors/goal/events.ts';
import type { Plan, PlannedTask } from '../actors/goal/plan.ts';
import { micros, plusMs } from '../kernel/brand.ts';
import { GoalRow } from './goal-row.ts';
import type { Interned } from './interned.ts';
import { goalDeadlineDefaultMs, planning } from './planning-task.ts';
import { type TaskBatch, TaskRow } from './task-row.ts';
import type { Recorded } from './work.ts';
import type { WorkState } from './work-state.ts';

/** Folds an event of a goal; one of a goal that has left memory changes nothing. */
export function foldGoal(state: WorkState, event: Recorded<GoalEvent>, bytes: number): void {
  const goal = state.goals.get(event.actor.org, event.actor.id);
  if (event.type === 'GoalSubmitted') {
    if (!goal) submit(state, event, bytes);
    return;
  }
  if (!goal) return;
  goal.lastSeq = event.seq;
  goal.bytes += bytes;
  if (goal.ended) state.ended.grew(bytes);
  switch (event.type) {
    case 'GoalBlocked':
      goal.blockedOn = event.data.on;
      state.moveGoal(goal, 'blocked');
      break;
    case 'GoalUnblocked':
      goal.blockedOn = event.data.left;
      if (event.data.left.length > 0) break;
      state.moveGoal(goal, goal.plan ? 'submitted' : 'planning');
      for (const task of goal.tasks()) task.readyAt = event.at;
      break;
    case 'GoalPlanned':
      goal.plan = compactPlan(event.data.plan, state.interned);
      break;
    case 'GoalPlanRejected':
      goal.error = event.data.error;
      break;
    case 'GoalApprovalRequested':
      goal.approvalUntil = micros(event.data.expiresAt);
      state.moveGoal(goal, 'awaiting_approval');
      break;
    case 'GoalApproved':
      goal.approvalUntil = undefined;
      break;
    case 'GoalRejected':
      goal.approvalUntil = undefined;
      goal.reason = event.data.reason;
      break;
    case 'GoalApprovalExpired':
      goal.approvalUntil = undefined;
      break;
    case 'GoalActivated':
      activate(state, goal, event);
      break;
    case 'GoalPaused':
      goal.reason = event.data.reason;
      state.moveGoal(goal, 'paused');
      break;
    case 'GoalResumed':
      goal.reason = undefined;
      state.moveGoal(goal, 'active');
      break;
    case 'GoalCompleted':
      goal.sinks = event.data.sinks;
      goal.failedTasks = event.data.failedTasks;
      goal.error = undefined;
      end(state, goal, 'completed', event);
      break;
    case 'GoalFailed':
      goal.error = event.data.error;
      goal.culprit = event.data.culprit;
      end(state, goal, 'failed', event);
      break;
    case 'GoalCancelled': {
      const { code, reason, culprit } = event.data;
      goal.error = { code, message: reason ?? (culprit === undefined ? code : `because of ${culprit}`) };
      goal.reason = reason ?? goal.reason;
      goal.culprit = culprit;
      end(state, goal, 'cancelled', event);
      break;
    }
    case 'GoalReopened':
      if (goal.ended) state.ended.left(goal);
      goal.run = event.data.run;
      goal.finishedAt = undefined;
      goal.error = undefined;
      goal.culprit = undefined;
      goal.reason = undefined;
      goal.sinks = undefined;
      goal.failedTasks = undefined;
      goal.deadline = plusMs(event.at, goalDeadlineDefaultMs);
      state.moveGoal(goal, 'active');
      break;
  }
}

function submit(state: WorkState, event: Extract<Recorded<GoalEvent>, { type: 'GoalSubmitted' }>, bytes: number): void {
  const { data, at, shard, seq } = event;
  const { interned } = state;
  const org = interned.string(event.actor.org);
  const totals = state.totals(org, shard);
  const goal = new GoalRow(
    {
      org,
      id: event.actor.id,
      shard,
      seq,
      createdAt: at,
      agentId: interned.string(data.agentId),
      text: data.text,
      priority: data.priority,
      labels: interned.strings(labelsOf(data.labels)),
      dependsOn: data.dependsOn.length === 0 ? none : data.dependsOn,
      requireApproval: data.requireApproval,
      subject: data.subject,
      traceparent: event.traceparent,
    },
    micros(data.deadline),
    totals,
  );
  goal.bytes = bytes;
  state.activity(org).happened('goalsSubmitted', at);
  if (data.plan) goal.plan = compactPlan(data.plan, interned);
  else goal.status = 'planning';
  state.addGoal(goal);
  if (data.plan) return;
  const input = { text: data.text ?? '', agentId: data.agentId };
  bear(state, goal, event, `${goal.id}.${planning.key}`, [{ ...planning, input, priority: data.priority }]);
}

function activate(state: WorkState, goal: GoalRow, event: Recorded<GoalEvent>): void {
  goal.startedAt ??= event.at;
  goal.blockedOn = undefined;
  bear(state, goal, event, goal.id, goal.plan ?? []);
  goal.plan = undefined;
  state.moveGoal(goal, 'active');
}

function bear(
  state: WorkState,
  goal: GoalRow,
  { at, shard, seq }: Recorded<GoalEvent>,
  id: string,
  planned: readonly PlannedTask[],
): void {
  const batch: TaskBatch = {
    org: goal.org,
    id,
    goal,
    createdAt: at,
    shard,
    seq,
    tasks: [],
    counts: [0, 0, 0, 0, 0, 0, 0, 0],
    workers: [],
  };
  for (let i = 0; i < planned.length; i++) {
    const one = planned[i] as PlannedTask;
    const task = new TaskRow(batch, i, one, state.pool(goal.org, one.pool));
    if (task.waiting === 0) {
      task.status = 'pending';
      task.readyAt = at;
    }
    batch.tasks.push(task);
  }
  state.addBatch(batch);
}

function end(
  state: WorkState,
  goal: GoalRow,
  status: 'completed' | 'failed' | 'cancelled',
  { at }: Recorded<GoalEvent>,
): void {
  if (goal.ended) return;
  const activity = state.activity(goal.org);
  if (goal.run === 1) activity.took('endToEnd', goal.createdAt, at);
  activity.happened('goalsFinished', at);
  goal.finishedAt = at;
  goal.blockedOn = undefined;
  goal.approvalUntil = undefined;
  goal.plan = undefined;
  goal.rest();
  state.moveGoal(goal, status);
  state.ended.ended(goal);
  state.evict();
}

const none: readonly string[] = [];

/** As `key:value`; none when they were erased with their subject. */
const labelsOf = (labels: Extract<GoalEvent, { type: 'GoalSubmitted' }>['data']['labels']): readonly string[] =>
  typeof labels === 'object' ? Object.entries(labels).map(([key, value]) => `${key}:${value}`) : none;

const noLimits = Object.freeze({});

/** The plan with what many tasks have in common shared: most of a task's memory would be its defaults. */
function compactPlan(plan: Plan, interned: Interned): readonly PlannedTask[] {
  // Erased with its subject, a plan is the constant for that: nothing of its tasks can be told.
  if (typeof plan !== 'object') return [];
  let last: PlannedTask['backoff'] | undefined;
  return plan.tasks.map((task) => {
    const same = last?.minMs === task.backoff.minMs && last.maxMs === task.backoff.maxMs;
    const backoff = same && last ? last : interned.value(task.backoff);
    last = backoff;
    return {
      key: task.key,
      type: interned.string(task.type),
      input: task.input,
      dependsOn: task.dependsOn.length === 0 ? none : task.dependsOn,
      pool: interned.string(task.pool),
      priority: task.priority,
      maxAttempts: task.maxAttempts,
      timeoutMs: task.timeoutMs,
      backoff,
      limits: Object.keys(task.limits).length === 0 ? noLimits : task.limits,
      onFailure: task.onFailure,
    };
  });
}
