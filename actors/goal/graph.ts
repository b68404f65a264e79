import type { Json } from '../../kernel/envelope.ts';
import type { TaskStatus } from '../task/events.ts';
import type { Plan, PlannedTask } from './plan.ts';

/**
 * The graph of a goal's tasks as its events tell it: what is ready and since when, how many are where, who waits for whom.
 * Every change costs the degree of one task. The goal's behavior and the read models share it.
 */
export interface Node {
  readonly task: PlannedTask;
  readonly dependents: string[];
  status: TaskStatus;
  /** Dependencies that are not settled well yet. */
  waiting: number;
  /** When the last one was; 0 before. Microseconds. */
  readyAt: number;
  result: Json | undefined;
  /** The task whose failure cancelled this one; undefined for one that was cancelled for itself. */
  culprit: string | undefined;
}

export type Counts = Record<TaskStatus, number>;

export interface Graph {
  readonly nodes: Map<string, Node>;
  readonly counts: Counts;
}

const terminal: ReadonlySet<TaskStatus> = new Set(['completed', 'dead_letter', 'cancelled']);

export const isTerminal = (status: TaskStatus): boolean => terminal.has(status);

export const emptyCounts = (): Counts => ({
  created: 0,
  pending: 0,
  queued: 0,
  running: 0,
  failed: 0,
  completed: 0,
  dead_letter: 0,
  cancelled: 0,
});

/** The graph of a plan whose tasks begin to exist at `at`. */
export function createGraph(plan: Plan, at: number): Graph {
  const nodes = new Map<string, Node>();
  const counts = emptyCounts();
  for (const task of plan.tasks) {
    const ready = task.dependsOn.length === 0;
    nodes.set(task.key, {
      task,
      dependents: [],
      status: ready ? 'pending' : 'created',
      waiting: task.dependsOn.length,
      readyAt: ready ? at : 0,
      result: undefined,
      culprit: undefined,
    });
    counts[ready ? 'pending' : 'created']++;
  }
  for (const task of plan.tasks) for (const key of task.dependsOn) nodes.get(key)?.dependents.push(task.key);
  return { nodes, counts };
}

export function move(graph: Graph, node: Node, status: TaskStatus): void {
  graph.counts[node.status]--;
  graph.counts[status]++;
  node.status = status;
}

/** It ended without a result, for itself and not for another one's failure. */
const isMissing = ({ status, culprit }: Node): boolean =>
  status === 'dead_letter' || (status === 'cancelled' && culprit === undefined);

/** Whether what depends on it may go on. */
export const isSettledWell = (node: Node): boolean =>
  node.status === 'completed' || (node.task.onFailure === 'continue' && isMissing(node));

/** Whether its goal cannot end well without it. */
export const isBroken = (node: Node): boolean => node.task.onFailure === 'fail_goal' && isMissing(node);

/** A task was settled well: returns those that became ready by it. */
export function release(graph: Graph, node: Node, at: number): readonly string[] {
  const ready: string[] = [];
  for (const key of node.dependents) {
    const next = graph.nodes.get(key) as Node;
    if (next.status !== 'created' || next.waiting === 0) continue;
    next.waiting--;
    if (next.waiting > 0) continue;
    move(graph, next, 'pending');
    next.readyAt = at;
    ready.push(key);
  }
  return ready;
}

/** Whether something that depends on a task is on its way to a worker, at one, or about to be tried again. */
export const hasDependantsUnderWay = (graph: Graph, { dependents }: Node): boolean =>
  dependents.some((key) => underWay.has((graph.nodes.get(key) as Node).status));

const underWay: ReadonlySet<TaskStatus> = new Set(['queued', 'running', 'failed']);

/**
 * An ended task begins again: it waits for those of its dependencies that are not settled well, and what it had let go waits for it
 * again. Returns those that are no longer ready.
 */
export function restart(graph: Graph, node: Node, at: number): readonly string[] {
  const stopped: string[] = [];
  if (isSettledWell(node))
    for (const key of node.dependents) {
      const next = graph.nodes.get(key) as Node;
      if (next.status === 'created') next.waiting++;
      if (next.status !== 'pending') continue;
      next.waiting = 1;
      next.readyAt = 0;
      move(graph, next, 'created');
      stopped.push(key);
    }
  node.waiting = node.task.dependsOn.filter((key) => !isSettledWell(graph.nodes.get(key) as Node)).length;
  node.culprit = undefined;
  node.readyAt = node.waiting === 0 ? at : 0;
  move(graph, node, node.waiting === 0 ? 'pending' : 'created');
  return stopped;
}

/** What failures had cancelled and may run again: all of it, but for what depends on a task that is broken still. */
export function reopenable({ nodes }: Graph): readonly string[] {
  const barred = new Set<string>();
  const open = [...nodes.values()].filter(isBroken);
  for (let node = open.pop(); node; node = open.pop())
    for (const key of node.dependents) {
      if (barred.has(key)) continue;
      barred.add(key);
      open.push(nodes.get(key) as Node);
    }
  return [...nodes.values()]
    .filter(({ status, culprit, task }) => status === 'cancelled' && culprit !== undefined && !barred.has(task.key))
    .map(({ task }) => task.key);
}

export const openTasks = ({ counts }: Graph): number =>
  counts.created + counts.pending + counts.queued + counts.running + counts.failed;

/** Everything that depends on a task, near or far. */
export function downstream(graph: Graph, key: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...(graph.nodes.get(key)?.dependents ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(graph.nodes.get(next) as Node).dependents);
  }
  return seen;
}

/** The tasks on which none depends: their results are the goal's. */
export const sinks = ({ nodes }: Graph): readonly string[] =>
  [...nodes.values()].filter(({ dependents }) => dependents.length === 0).map(({ task }) => task.key);
