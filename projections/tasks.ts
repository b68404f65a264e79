import type { TaskStatus } from '../actors/task/events.ts';
import { type Micros, type Position, positionOf, toIso } from '../kernel/brand.ts';
import { timelineEntriesMax } from './bounds.ts';
import type { GraphTaskView } from './goal-view.ts';
import { type Ordered, order } from './ordered-index.ts';
import { type Page, type PageRequest, parseCursor } from './page.ts';
import type { Lookup } from './reads.ts';
import { pageOf } from './table.ts';
import { endedAt, timeOf } from './task-fold.ts';
import type { TaskBatch, TaskRow } from './task-row.ts';
import type { TaskFilter, TaskView, TaskWaitsFor, TimelineEntryView, TimelineView } from './task-view.ts';
import type { WorkState } from './work-state.ts';

/** What a task's view needs to know of workers. */
export interface Serving {
  serves(org: string, type: string, pool?: string): boolean;
  /** Counts the org's changes of workers: what a task waits for may change with them. */
  revision(org: string): number;
}

/** What the view of a task that does not run depends on, beside the task. */
export interface Surroundings {
  readonly workers: Serving;
  readonly now: Micros;
}

export function getTask(state: WorkState, around: Surroundings, org: string, id: string): Lookup<TaskView> {
  return lookup(state, org, id, (task) => {
    const waiting = isWaiting(task.status)
      ? `.${task.goal.lastSeq}.${around.workers.revision(org)}.${isBackingOff(task, around.now) ? 1 : 0}`
      : '';
    return { kind: 'found', view: view(task, around), etag: `"${task.shard}.${task.lastSeq}${waiting}"` };
  });
}

export function taskTimeline(state: WorkState, org: string, id: string): Lookup<TimelineView> {
  return lookup(state, org, id, (task) => ({
    kind: 'found',
    view: timeline(task),
    etag: `"${task.shard}.${task.lastSeq}"`,
  }));
}

function lookup<View>(state: WorkState, org: string, id: string, found: (task: TaskRow) => Lookup<View>): Lookup<View> {
  const dot = id.indexOf('.');
  if (dot < 0) return { kind: 'unknown' };
  const goalId = id.slice(0, dot);
  const goal = state.goals.get(org, goalId);
  if (!goal) return { kind: state.left.mayHold(org, goalId) ? 'left' : 'unknown' };
  const task = goal.task(id.slice(dot + 1));
  return task ? found(task) : { kind: 'unknown' };
}

export function listTasks(
  state: WorkState,
  around: Surroundings,
  org: string,
  filter: TaskFilter,
  page: PageRequest,
): Page<TaskView> {
  const from = page.cursor === undefined ? undefined : parseCursor(page.cursor);
  return pageOf(
    newestFirst(state, org, filter, from),
    (task) =>
      (filter.status === undefined || task.status === filter.status) &&
      (filter.type === undefined || task.planned.type === filter.type) &&
      (filter.pool === undefined || task.planned.pool === filter.pool) &&
      (filter.workerId === undefined || task.worker === filter.workerId) &&
      (filter.agentId === undefined || task.goal.facts.agentId === filter.agentId),
    page.limit,
    (task) => view(task, around),
  );
}

/** Tasks from the newest, or from the newest that is older than `from`: batch by batch, each from its last task. */
function* newestFirst(
  state: WorkState,
  org: string,
  { goalId, agentId, status, type, pool, workerId }: TaskFilter,
  from: Ordered | undefined,
): Generator<TaskRow, void, void> {
  let batches: Iterable<TaskBatch>;
  if (goalId === undefined)
    batches = state.batches.narrowest(org, { agentId, status, type, pool, workerId })?.newestFirst(from) ?? [];
  else batches = state.goals.get(org, goalId)?.batches.toReversed() ?? [];
  for (const batch of batches) {
    let last = batch.tasks.length - 1;
    if (from) {
      const place = compareBatch(batch, from);
      if (place > 0) continue;
      if (place === 0) last = Math.min(last, order(from) - 1);
    }
    for (let i = last; i >= 0; i--) yield batch.tasks[i] as TaskRow;
  }
}

const compareBatch = (a: TaskBatch, b: Ordered): number =>
  a.createdAt - b.createdAt || a.shard - b.shard || a.seq - b.seq;

const isWaiting = (status: TaskStatus): boolean =>
  status === 'created' || status === 'pending' || status === 'queued' || status === 'failed';

function view(task: TaskRow, around: Surroundings): TaskView {
  const { planned, goal } = task;
  const waitingFor = waits(task, around);
  const queuedAt = task.attempt === 0 ? undefined : timeOf(task, 'TaskQueued');
  const startedAt = task.worker === undefined ? undefined : timeOf(task, 'TaskStarted');
  const finishedAt = isTerminal(task.status) ? endedAt(task) : undefined;
  return {
    id: task.id,
    goalId: goal.id,
    agentId: goal.facts.agentId,
    key: planned.key,
    type: planned.type,
    pool: planned.pool,
    priority: planned.priority,
    status: task.status,
    run: task.run,
    attempt: task.attempt,
    maxAttempts: planned.maxAttempts,
    timeoutMs: planned.timeoutMs,
    dependsOn: planned.dependsOn,
    ...(task.worker === undefined ? null : { workerId: task.worker }),
    ...(waitingFor ? { waitingFor } : null),
    input: planned.input,
    ...(task.progress ? { progress: task.progress } : null),
    ...(task.result === undefined ? null : { result: task.result }),
    ...(task.error ? { error: task.error } : null),
    ...(task.culprit === undefined ? null : { culprit: task.culprit }),
    artifacts: Array.isArray(task.artifacts) ? task.artifacts : [],
    createdAt: toIso(task.createdAt),
    ...(task.readyAt === undefined ? null : { readyAt: toIso(task.readyAt) }),
    ...(queuedAt === undefined ? null : { queuedAt: toIso(queuedAt) }),
    ...(startedAt === undefined ? null : { startedAt: toIso(startedAt) }),
    ...(finishedAt === undefined ? null : { finishedAt: toIso(finishedAt) }),
    position: positionOf(task.shard, task.lastSeq),
  };
}

const isTerminal = (status: TaskStatus): boolean =>
  status === 'completed' || status === 'dead_letter' || status === 'cancelled';

function waits(task: TaskRow, around: Surroundings): TaskWaitsFor | undefined {
  const { planned, goal, status } = task;
  if (!isWaiting(status)) return undefined;
  if (goal.status === 'blocked') return { kind: 'goals', goals: goal.blockedOn ?? [] };
  if (goal.status === 'paused') return { kind: 'resume' };
  if (goal.status === 'awaiting_approval') return { kind: 'approval' };
  if (status === 'created') {
    const open = planned.dependsOn.filter((key) => !goal.task(key)?.isSettledWell);
    return { kind: 'dependencies', tasks: open.map((key) => `${goal.id}.${key}`) };
  }
  if (task.retryAt !== undefined && isBackingOff(task, around.now))
    return { kind: 'backoff', until: toIso(task.retryAt) };
  const { pool, type } = planned;
  return around.workers.serves(goal.org, type, pool) ? { kind: 'slot', pool } : { kind: 'worker', pool, type };
}

const isBackingOff = ({ status, retryAt }: TaskRow, now: Micros): boolean =>
  status === 'failed' && retryAt !== undefined && retryAt > now;

/** A task as its goal's graph shows it. */
export function graphTaskView(task: TaskRow): GraphTaskView {
  const startedAt = task.worker === undefined ? undefined : timeOf(task, 'TaskStarted');
  const finishedAt = isTerminal(task.status) ? endedAt(task) : undefined;
  return {
    id: task.id,
    key: task.planned.key,
    type: task.planned.type,
    pool: task.planned.pool,
    status: task.status,
    attempt: task.attempt,
    ...(task.progress?.fraction === undefined ? null : { progress: task.progress.fraction }),
    ...(startedAt === undefined ? null : { startedAt: toIso(startedAt) }),
    ...(finishedAt === undefined ? null : { finishedAt: toIso(finishedAt) }),
  };
}

function timeline(task: TaskRow): TimelineView {
  const at = (seq: TaskRow['seq']): Position => positionOf(task.shard, seq);
  const items: TimelineEntryView[] = [];
  for (let entry = task.last; entry; entry = entry.previous) {
    items.push({
      at: toIso(entry.at),
      type: entry.type,
      status: entry.status,
      ...(entry.attempt === 0 ? null : { attempt: entry.attempt }),
      ...(entry.worker === undefined ? null : { workerId: entry.worker }),
      position: at(entry.seq),
      ...traceOf(entry.traceparent),
    });
  }
  const truncated = task.transitions > timelineEntriesMax;
  if (!truncated) {
    // A task has no event of its birth: the request that submitted its goal is behind it.
    const born = { at: toIso(task.createdAt), position: at(task.seq), ...traceOf(task.goal.facts.traceparent) };
    if (task.planned.dependsOn.length === 0) items.push({ ...born, type: 'TaskReady', status: 'pending' });
    items.push({ ...born, type: 'TaskCreated', status: 'created' });
  }
  return { items: items.reverse(), truncated };
}

const traceOf = (traceparent: string | undefined): { readonly traceId: string } | null => {
  const traceId = traceparent?.split('-')[1];
  return traceId === undefined ? null : { traceId };
};
