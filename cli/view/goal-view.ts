import { duration } from './duration.ts';
import { type Edge, type GoalView, type PlacedTask, place, type TaskView, taskEnded } from './graph.ts';
import type { Palette } from './palette.ts';
import { cut, pad, plain, width } from './width.ts';

/** What the view is drawn for. */
export interface Frame {
  readonly columns: number;
  readonly rows: number;
  readonly paint: Palette;
  /** The moment drawn, in milliseconds since 1970. */
  readonly nowMs: number;
}

const marks: Readonly<Record<string, string>> = {
  created: '·',
  pending: '○',
  queued: '◌',
  running: '▸',
  failed: '↻',
  completed: '✔',
  dead_letter: '✘',
  cancelled: '⊘',
};

const order = ['running', 'failed', 'dead_letter', 'queued', 'pending', 'created', 'cancelled', 'completed'];
const barWidth = 30;
const namesShown = 3;
const keyWidthMax = 40;

/**
 * A goal as a few lines: what it is, a progress bar, and its tasks by depth in the DAG. When they do not all fit, what moves
 * or failed is shown first, and the rest is counted.
 */
export function goalLines(
  goal: GoalView,
  tasks: readonly TaskView[],
  edges: readonly Edge[],
  frame: Frame,
): readonly string[] {
  const { paint } = frame;
  const lines = [headline(goal, frame), bar(goal, paint)];
  const placed = place(tasks, edges);
  if (placed.length > 0) lines.push('');
  const room = Math.max(3, frame.rows - lines.length - 2);
  const shown = placed.length <= room ? placed : urgent(placed, room - 1);
  const keyWidth = Math.min(keyWidthMax, Math.max(0, ...shown.map(({ task, depth }) => width(task.key) + depth * 2)));
  const typeWidth = Math.max(0, ...shown.map(({ task }) => width(task.type)));
  for (const one of shown) lines.push(taskLine(one, keyWidth, typeWidth, frame));
  if (shown.length < placed.length) lines.push(paint.dim(`  … and ${placed.length - shown.length} more tasks`));
  return lines.map((line) => cut(line, frame.columns));
}

function headline(goal: GoalView, { paint, nowMs }: Frame): string {
  const until = goal.finishedAt === undefined ? nowMs : Date.parse(goal.finishedAt);
  const parts = [paint.bold(goal.id), paintStatus(goal.status, paint)];
  if (goal.run > 1) parts.push(`run ${goal.run}`);
  parts.push(duration(Math.max(0, until - Date.parse(goal.submittedAt))));
  if (goal.text) parts.push(paint.dim(cut(plain(goal.text), keyWidthMax)));
  return parts.join('  ');
}

/** `████████░░░░  6/10  running 2 · created 2` */
export function bar(goal: GoalView, paint: Palette): string {
  const count = (status: string): number => goal.counts[status] ?? 0;
  const total = Object.values(goal.counts).reduce((sum, value) => sum + value, 0);
  const ended = count('completed') + count('dead_letter') + count('cancelled');
  const good = total === 0 ? 0 : Math.floor((count('completed') / total) * barWidth);
  const bad = total === 0 ? 0 : Math.floor((ended / total) * barWidth) - good;
  const rest = order.filter((status) => status !== 'completed' && count(status) > 0);
  const parts = rest.map((status) => `${status.replace('_', ' ')} ${count(status)}`).join(' · ');
  return `${paint.green('█'.repeat(good))}${paint.red('█'.repeat(bad))}${paint.dim('░'.repeat(barWidth - good - bad))}  ${ended}/${total}${parts ? `  ${parts}` : ''}`;
}

function taskLine(
  { task, depth, waitsFor }: PlacedTask,
  keyWidth: number,
  typeWidth: number,
  { paint, nowMs }: Frame,
): string {
  const mark = paintStatus(task.status, paint, marks[task.status] ?? '?');
  const key = pad(cut('  '.repeat(depth) + plain(task.key), keyWidth), keyWidth);
  const name = task.status === 'created' ? paint.dim(key) : key;
  return `  ${mark} ${name}  ${paint.dim(pad(plain(task.type), typeWidth))}  ${remark(task, waitsFor, nowMs)}`.trimEnd();
}

function remark(task: TaskView, waitsFor: readonly string[], nowMs: number): string {
  const again = task.attempt > 1 ? `  attempt ${task.attempt}` : '';
  if (task.startedAt !== undefined && (task.status === 'running' || taskEnded(task.status))) {
    const until = task.finishedAt === undefined ? nowMs : Date.parse(task.finishedAt);
    const took = duration(Math.max(0, until - Date.parse(task.startedAt)));
    const share =
      task.status === 'running' && task.progress !== undefined ? `  ${Math.round(task.progress * 100)} %` : '';
    return `${took}${share}${again}`;
  }
  if (task.status === 'failed') return `waits to try again after attempt ${task.attempt}`;
  if (task.status === 'created' && waitsFor.length > 0) {
    const more = waitsFor.length - namesShown;
    return `waits for ${waitsFor.slice(0, namesShown).map(plain).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }
  return task.status.replace('_', ' ') + again;
}

/** What moves or failed first, in the order of the DAG. */
function urgent(placed: readonly PlacedTask[], room: number): readonly PlacedTask[] {
  const rank = (one: PlacedTask): number => order.indexOf(one.task.status);
  const chosen = new Set([...placed].sort((a, b) => rank(a) - rank(b)).slice(0, room));
  return placed.filter((one) => chosen.has(one));
}

/** The message of an error as events carry it, in one line. */
export function errorText(error: unknown): string {
  const { message, detail, code } = (error ?? {}) as { message?: unknown; detail?: unknown; code?: unknown };
  const words = [message, detail, code].find((one) => typeof one === 'string');
  return words === undefined ? '' : plain(String(words).split('\n')[0] ?? '');
}

/** A status, or what stands for it, in its colour. */
export function paintStatus(status: string, paint: Palette, text: string = status): string {
  if (status === 'completed') return paint.green(text);
  if (status === 'dead_letter' || status === 'failed' || status === 'lost') return paint.red(text);
  if (status === 'running' || status === 'active') return paint.cyan(text);
  if (status === 'cancelled' || status === 'paused' || status === 'draining') return paint.yellow(text);
  return text;
}
