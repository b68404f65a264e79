/** A goal and its tasks as the live view sees them: what `GET /v1/goals/{id}` and its `/graph` answer. */
export interface GoalView {
  readonly id: string;
  readonly status: string;
  readonly run: number;
  readonly text?: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  readonly submittedAt: string;
  readonly finishedAt?: string | undefined;
  readonly error?: unknown;
  readonly result?: unknown;
  readonly failedTasks?: readonly string[] | undefined;
}

export interface TaskView {
  readonly id: string;
  readonly key: string;
  readonly type: string;
  readonly status: string;
  readonly attempt: number;
  readonly startedAt?: string | undefined;
  readonly finishedAt?: string | undefined;
  /** 0 … 1, where the task tells it. */
  readonly progress?: number | undefined;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
}

/** Statuses in which a goal has ended. */
export const goalEnded = (status: string): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';

/** Statuses in which a task has ended in its run. */
export const taskEnded = (status: string): boolean =>
  status === 'completed' || status === 'dead_letter' || status === 'cancelled';

/** A task with its place in the DAG. */
export interface PlacedTask {
  readonly task: TaskView;
  /** Tasks on the longest way to it. */
  readonly depth: number;
  /** What it waits for that has not ended yet: keys. */
  readonly waitsFor: readonly string[];
}

/** Orders tasks by depth, then as they came. Edges name tasks by id or by key. */
export function place(tasks: readonly TaskView[], edges: readonly Edge[]): readonly PlacedTask[] {
  const byName = new Map<string, TaskView>();
  for (const task of tasks) {
    byName.set(task.id, task);
    byName.set(task.key, task);
  }
  const upstream = new Map<TaskView, TaskView[]>(tasks.map((task) => [task, []]));
  const downstream = new Map<TaskView, TaskView[]>(tasks.map((task) => [task, []]));
  for (const { from, to } of edges) {
    const source = byName.get(from);
    const target = byName.get(to);
    if (!source || !target) continue;
    upstream.get(target)?.push(source);
    downstream.get(source)?.push(target);
  }
  // Kahn's order, so that a graph of any depth needs no recursion.
  const open = new Map(tasks.map((task) => [task, upstream.get(task)?.length ?? 0]));
  const depth = new Map<TaskView, number>();
  const ready = tasks.filter((task) => open.get(task) === 0);
  for (const task of ready) depth.set(task, 0);
  for (let at = 0; at < ready.length; at++) {
    const task = ready[at] as TaskView;
    for (const next of downstream.get(task) ?? []) {
      depth.set(next, Math.max(depth.get(next) ?? 0, (depth.get(task) ?? 0) + 1));
      const left = (open.get(next) ?? 1) - 1;
      open.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return tasks
    .map((task) => ({
      task,
      depth: depth.get(task) ?? 0,
      waitsFor: (upstream.get(task) ?? []).filter((other) => !taskEnded(other.status)).map((other) => other.key),
    }))
    .sort((a, b) => a.depth - b.depth);
}
