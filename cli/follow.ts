import { wallMs } from '../kernel/clock.ts';
import { AstraError } from '../kernel/errors.ts';
import { followIntervalMs, followOutageMs, followQuietIntervalMs, viewRowsDefault, viewTasksMax } from './bounds.ts';
import type { Client, Resource } from './client.ts';
import type { Terminal } from './terminal.ts';
import { duration } from './view/duration.ts';
import { goalLines, paintStatus } from './view/goal-view.ts';
import { type Edge, type GoalView, goalEnded, type TaskView } from './view/graph.ts';
import { Redraw } from './view/redraw.ts';
import { plain } from './view/width.ts';

/** A goal at its end: what was read last. */
export interface Followed {
  readonly goal: GoalView;
  readonly tasks: readonly TaskView[];
}

export interface FollowOptions {
  readonly client: Client;
  readonly goalId: string;
  /** The first read reflects this write. */
  readonly after?: string | undefined;
  /** How progress is shown: `view` redraws in place, `lines` tells each change, `none` keeps quiet. */
  readonly show: 'view' | 'lines' | 'none';
  readonly terminal: Terminal;
  /** Stops following; the goal goes on. */
  readonly signal?: AbortSignal;
}

/**
 * Reads a goal again and again until it has ended, and shows how it goes. A gateway that is away for a while is waited for.
 * Throws `unavailable` when it stays away, and the signal's reason when it is aborted.
 */
export async function followGoal(options: FollowOptions): Promise<Followed> {
  const { client, goalId, show, terminal, signal } = options;
  const redraw = show === 'view' ? new Redraw(terminal) : undefined;
  const told = new Map<string, string>();
  let edges: readonly Edge[] = [];
  let tasks: readonly TaskView[] = [];
  let after = options.after;
  let awaySince: number | undefined;
  try {
    for (;;) {
      signal?.throwIfAborted();
      try {
        const goal = asGoal(await client.get(`/v1/goals/${goalId}`, undefined, after));
        after = undefined;
        const total = Object.values(goal.counts).reduce((sum, value) => sum + value, 0);
        if (total <= viewTasksMax) {
          const graph = await client.get(`/v1/goals/${goalId}/graph`);
          tasks = (graph['tasks'] ?? []) as unknown as readonly TaskView[];
          edges = (graph['edges'] ?? []) as unknown as readonly Edge[];
        } else tasks = await restless(client, goalId);
        awaySince = undefined;
        if (redraw) {
          const { columns, paint } = terminal;
          redraw.draw(
            goalLines(goal, tasks, edges, { columns, rows: terminal.rows ?? viewRowsDefault, paint, nowMs: wallMs() }),
          );
        } else if (show === 'lines') tellChanges(goal, tasks, told, terminal);
        if (goalEnded(goal.status)) return { goal, tasks };
      } catch (error) {
        if (!(error instanceof AstraError) || !['unavailable', 'overloaded', 'indeterminate'].includes(error.kind))
          throw error;
        awaySince ??= wallMs();
        if (wallMs() - awaySince > followOutageMs) throw error;
      }
      await pause(redraw ? followIntervalMs : followQuietIntervalMs, signal);
    }
  } finally {
    redraw?.finish();
  }
}

/** Of a goal too large to draw: what runs, and what failed. */
async function restless(client: Client, goalId: string): Promise<readonly TaskView[]> {
  const pages = await Promise.all(
    ['running', 'failed', 'dead_letter'].map((status) =>
      client.list('/v1/tasks', { goalId, status, limit: viewRowsDefault }),
    ),
  );
  return pages.flatMap((page) => page.items as unknown as readonly TaskView[]);
}

/** A line for each change of a status: `+1.2 s  measure-1  running`. */
function tellChanges(goal: GoalView, tasks: readonly TaskView[], told: Map<string, string>, terminal: Terminal): void {
  const { paint } = terminal;
  const since = `+${duration(Math.max(0, wallMs() - Date.parse(goal.submittedAt)))}`.padEnd(9);
  const changed = (id: string, text: string): boolean => told.get(id) !== text && told.set(id, text) !== undefined;
  for (const task of tasks) {
    if (task.status === 'created' || task.status === 'pending') continue;
    if (!changed(task.id, `${task.status} ${task.attempt}`)) continue;
    const again = task.attempt > 1 ? `  attempt ${task.attempt}` : '';
    terminal.out(`${paint.dim(since)} ${plain(task.key)}  ${paintStatus(task.status, paint)}${again}\n`);
  }
  if (changed(goal.id, goal.status))
    terminal.out(`${paint.dim(since)} ${goal.id}  ${paintStatus(goal.status, paint)}\n`);
}

const asGoal = (resource: Resource): GoalView => resource as unknown as GoalView;

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
