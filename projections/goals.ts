import { positionOf, toIso } from '../kernel/brand.ts';
import type { Json } from '../kernel/envelope.ts';
import { composedResultBytesMax } from './bounds.ts';
import type { GoalRow } from './goal-row.ts';
import type { GoalFilter, GoalGraphView, GoalView, GoalWaitsFor, TaskCounts } from './goal-view.ts';
import type { Page, PageRequest } from './page.ts';
import type { Lookup } from './reads.ts';
import { taskStatuses } from './task-row.ts';
import { graphTaskView } from './tasks.ts';
import type { WorkState } from './work-state.ts';

export function getGoal(state: WorkState, org: string, id: string): Lookup<GoalView> {
  return lookup(state, org, id, view);
}

export function goalGraph(state: WorkState, org: string, id: string): Lookup<GoalGraphView> {
  return lookup(state, org, id, graph);
}

export const listGoals = (
  state: WorkState,
  org: string,
  { agentId, status, label }: GoalFilter,
  page: PageRequest,
): Page<GoalView> => state.goals.list(org, { agentId, status, label }, page, view);

function lookup<View>(state: WorkState, org: string, id: string, view: (goal: GoalRow) => View): Lookup<View> {
  const goal = state.goals.get(org, id);
  if (goal) return { kind: 'found', view: view(goal), etag: `"${goal.shard}.${goal.lastSeq}"` };
  return { kind: state.left.mayHold(org, id) ? 'left' : 'unknown' };
}

export const countsView = (counts: readonly number[]): TaskCounts =>
  Object.fromEntries(taskStatuses.map((status, i) => [status, counts[i] as number])) as unknown as TaskCounts;

function view(goal: GoalRow): GoalView {
  const { facts } = goal;
  const waitingFor = waits(goal);
  return {
    id: facts.id,
    agentId: facts.agentId,
    status: goal.status,
    run: goal.run,
    text: facts.text ?? null,
    priority: facts.priority,
    labels: Object.fromEntries(facts.labels.map(pair)),
    dependsOn: facts.dependsOn,
    requireApproval: facts.requireApproval,
    subject: facts.subject ?? null,
    counts: countsView(goal.counts),
    ...(waitingFor ? { waitingFor } : null),
    ...(goal.sinks ? { result: compose(goal, goal.sinks) } : null),
    ...(goal.error ? { error: goal.error } : null),
    ...(goal.culprit === undefined ? null : { culprit: goal.culprit }),
    ...(goal.reason === undefined ? null : { reason: goal.reason }),
    ...(goal.failedTasks ? { failedTasks: goal.failedTasks } : null),
    deadline: toIso(goal.deadline),
    submittedAt: toIso(facts.createdAt),
    ...(goal.startedAt === undefined ? null : { startedAt: toIso(goal.startedAt) }),
    ...(goal.finishedAt === undefined ? null : { finishedAt: toIso(goal.finishedAt) }),
    position: positionOf(goal.shard, goal.lastSeq),
  };
}

const pair = (label: string): readonly [string, string] => {
  const colon = label.indexOf(':');
  return [label.slice(0, colon), label.slice(colon + 1)];
};

function waits(goal: GoalRow): GoalWaitsFor | undefined {
  switch (goal.status) {
    case 'blocked':
      return { kind: 'goals', goals: goal.blockedOn ?? [] };
    case 'planning':
      return { kind: 'plan', taskId: goal.batches[0]?.id ?? goal.id };
    case 'awaiting_approval':
      return goal.approvalUntil === undefined ? undefined : { kind: 'approval', until: toIso(goal.approvalUntil) };
    case 'paused':
      return { kind: 'resume' };
    default:
      return undefined;
  }
}

/** The results of the sink tasks, in order, as far as they fit; the others by reference. */
function compose(goal: GoalRow, sinks: readonly string[]): { readonly [key: string]: Json } {
  let left = composedResultBytesMax;
  const result: Record<string, Json> = {};
  for (const key of sinks) {
    const task = goal.task(key);
    if (task && task.resultBytes <= left) {
      left -= task.resultBytes;
      result[key] = task.result ?? null;
    } else result[key] = { $task: `${goal.id}.${key}` };
  }
  return result;
}

function graph(goal: GoalRow): GoalGraphView {
  const tasks = [];
  const edges = [];
  for (const batch of goal.batches)
    for (const task of batch.tasks) {
      tasks.push(graphTaskView(task));
      for (const dependency of task.planned.dependsOn) edges.push({ from: `${goal.id}.${dependency}`, to: task.id });
    }
  return { tasks, edges };
}
