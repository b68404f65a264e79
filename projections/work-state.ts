import type { GoalStatus } from '../actors/goal/events.ts';
import type { TaskStatus } from '../actors/task/events.ts';
import type { Shard } from '../kernel/brand.ts';
import { Activity } from './activity.ts';
import { endedBytesMax, endedTasksMax, statsOrgsMax } from './bounds.ts';
import { DeadLetters } from './dead-letters.ts';
import { EndedGoals, LeftGoals } from './ended-goals.ts';
import { type GoalRow, goalStatuses } from './goal-row.ts';
import { Interned } from './interned.ts';
import { PoolLoad } from './pool-load.ts';
import { Table } from './table.ts';
import { type TaskBatch, type TaskRow, taskStatuses } from './task-row.ts';
import { emptyTotals, type Totals } from './totals.ts';

export interface WorkBounds {
  readonly endedTasksMax: number;
  readonly endedBytesMax: number;
}

export const workBounds: WorkBounds = { endedTasksMax, endedBytesMax };

export const goalIndexes = {
  agentId: (row: GoalRow) => [row.facts.agentId],
  status: (row: GoalRow) => [row.status],
  label: (row: GoalRow) => row.facts.labels,
};

/** Tasks are found by their batches: a goal of ten tasks costs one entry where it would cost ten. */
export const batchIndexes = {
  agentId: (row: TaskBatch) => [row.goal.facts.agentId],
  status: (row: TaskBatch) => taskStatuses.filter((_, i) => (row.counts[i] as number) > 0),
  type: (row: TaskBatch) => [...new Set(row.tasks.map(({ planned }) => planned.type))],
  pool: (row: TaskBatch) => [...new Set(row.tasks.map(({ planned }) => planned.pool))],
  workerId: (row: TaskBatch) => row.workers,
};

const taskPlace = new Map(taskStatuses.map((status, i) => [status, i]));
const goalPlace = new Map(goalStatuses.map((status, i) => [status, i]));

const bump = (counts: number[], place: number | undefined, by: number): number => {
  const at = place as number;
  counts[at] = (counts[at] as number) + by;
  return counts[at] as number;
};

/** Goals, their tasks and what follows from them: indexes, counts, load of pools, dead letters. */
export class WorkState {
  readonly goals = new Table(goalIndexes);
  readonly batches = new Table(batchIndexes);
  readonly deadLetters = new DeadLetters();
  readonly ended = new EndedGoals();
  readonly left = new LeftGoals();
  readonly interned = new Interned();
  readonly #bounds: WorkBounds;
  /** By org and shard. */
  readonly #totals = new Map<string, Map<Shard, Totals>>();
  readonly #activities = new Map<string, Activity>();
  /** By org and name. */
  readonly #pools = new Map<string, Map<string, PoolLoad>>();
  /** By org: how many tasks each worker holds. */
  readonly #held = new Map<string, Map<string, number>>();

  constructor(bounds: WorkBounds) {
    this.#bounds = bounds;
  }

  totals(org: string, shard: Shard): Totals {
    let shards = this.#totals.get(org);
    if (!shards) {
      shards = new Map();
      this.#totals.set(org, shards);
    }
    let totals = shards.get(shard);
    if (!totals) {
      totals = emptyTotals();
      shards.set(shard, totals);
    }
    return totals;
  }

  /** What an org has had, over all shards. */
  *totalsOf(org: string): Generator<Totals, void, void> {
    yield* this.#totals.get(org)?.values() ?? [];
  }

  activity(org: string): Activity {
    const had = this.#activities.get(org);
    if (had) return had;
    if (this.#activities.size >= statsOrgsMax) this.#forgetQuietest();
    const activity = new Activity();
    this.#activities.set(org, activity);
    return activity;
  }

  #forgetQuietest(): void {
    let quietest: string | undefined;
    let newest = Number.POSITIVE_INFINITY;
    for (const [org, activity] of this.#activities)
      if (activity.newest < newest) {
        newest = activity.newest;
        quietest = org;
      }
    if (quietest !== undefined) this.#activities.delete(quietest);
  }

  pool(org: string, name: string): PoolLoad {
    let pools = this.#pools.get(org);
    if (!pools) {
      pools = new Map();
      this.#pools.set(org, pools);
    }
    let pool = pools.get(name);
    if (!pool) {
      pool = new PoolLoad(name);
      pools.set(name, pool);
    }
    return pool;
  }

  *poolsOf(org: string): Generator<PoolLoad, void, void> {
    yield* this.#pools.get(org)?.values() ?? [];
  }

  /** How many tasks a worker holds. */
  heldBy(org: string, worker: string): number {
    return this.#held.get(org)?.get(worker) ?? 0;
  }

  #hold(org: string, worker: string | undefined, by: number): void {
    if (worker === undefined) return;
    let held = this.#held.get(org);
    if (!held) {
      held = new Map();
      this.#held.set(org, held);
    }
    const count = (held.get(worker) ?? 0) + by;
    if (count > 0) held.set(worker, count);
    else held.delete(worker);
  }

  task(org: string, goalId: string, key: string): TaskRow | undefined {
    return this.goals.get(org, goalId)?.task(key);
  }

  // — Changes: everything that is counted or indexed by status goes through these —

  addGoal(goal: GoalRow): void {
    this.goals.insert(goal);
    bump(goal.totals.goals, goalPlace.get(goal.status), 1);
  }

  moveGoal(goal: GoalRow, status: GoalStatus): void {
    const before = goal.status;
    if (before === status) return;
    goal.status = status;
    bump(goal.totals.goals, goalPlace.get(before), -1);
    bump(goal.totals.goals, goalPlace.get(status), 1);
    this.goals.moved(goal, 'status', before, status);
  }

  /** A batch with its tasks, each in the status it is born in. */
  addBatch(batch: TaskBatch): void {
    const { goal } = batch;
    const counted = isCounted(batch);
    for (const task of batch.tasks) {
      const place = taskPlace.get(task.status);
      bump(batch.counts, place, 1);
      if (counted) {
        bump(goal.counts, place, 1);
        bump(goal.totals.tasks, place, 1);
      }
      task.pool.shift(task.status, 1);
    }
    goal.batches.push(batch);
    goal.addTasks(batch.tasks);
    this.batches.insert(batch);
  }

  moveTask(task: TaskRow, status: TaskStatus): void {
    const before = task.status;
    if (before === status) return;
    const { batch, goal, pool } = task;
    task.status = status;
    const from = taskPlace.get(before);
    const to = taskPlace.get(status);
    if (isCounted(batch)) {
      bump(goal.counts, from, -1);
      bump(goal.counts, to, 1);
      bump(goal.totals.tasks, from, -1);
      bump(goal.totals.tasks, to, 1);
    }
    if (bump(batch.counts, from, -1) === 0) this.batches.moved(batch, 'status', before, undefined);
    if (bump(batch.counts, to, 1) === 1) this.batches.moved(batch, 'status', undefined, status);
    pool.shift(before, -1);
    pool.shift(status, 1);
    if (before === 'running') this.#hold(goal.org, task.worker, -1);
    if (before === 'dead_letter') this.deadLetters.removeTask(task);
  }

  /** A task runs now, held by this worker. */
  startTask(task: TaskRow, worker: string): void {
    this.moveTask(task, 'running');
    task.worker = worker;
    this.#hold(task.goal.org, worker, 1);
    const { batch } = task;
    if (batch.workers.includes(worker)) return;
    batch.workers.push(worker);
    this.batches.moved(batch, 'workerId', undefined, worker);
  }

  /** Lets the goals that ended first go, until what is left fits the bounds. */
  evict(): void {
    while (this.ended.tasks > this.#bounds.endedTasksMax || this.ended.bytes > this.#bounds.endedBytesMax) {
      const goal = this.ended.takeFirst();
      if (!goal) return;
      this.ended.left(goal);
      this.left.add(goal);
      this.#remove(goal);
    }
  }

  #remove(goal: GoalRow): void {
    goal.gone = true;
    this.goals.remove(goal);
    for (const batch of goal.batches) this.batches.remove(batch);
    for (const task of goal.tasks()) {
      task.pool.shift(task.status, -1);
      if (task.status === 'running') this.#hold(goal.org, task.worker, -1);
      if (task.status === 'dead_letter') this.deadLetters.removeTask(task);
    }
  }

  /** Replaces everything of a shard by what was folded beside. */
  adopt(rebuilt: WorkState, shard: Shard): void {
    for (const goal of [...this.goals.rows()]) {
      if (goal.shard !== shard) continue;
      if (goal.ended) this.ended.left(goal);
      this.#remove(goal);
    }
    for (const shards of this.#totals.values()) {
      const totals = shards.get(shard);
      if (totals) Object.assign(totals, emptyTotals());
    }
    for (const [org, shards] of rebuilt.#totals) {
      const totals = this.totals(org, shard);
      const from = shards.get(shard);
      if (from) Object.assign(totals, from);
    }
    for (const goal of rebuilt.goals.rows()) this.#take(goal);
    this.deadLetters.adopt(rebuilt.deadLetters, shard);
    this.left.adopt(rebuilt.left);
    this.evict();
  }

  #take(goal: GoalRow): void {
    goal.totals = this.totals(goal.org, goal.shard);
    this.goals.insert(goal);
    for (const batch of goal.batches) this.batches.insert(batch);
    for (const task of goal.tasks()) {
      task.pool = this.pool(goal.org, task.planned.pool);
      task.pool.shift(task.status, 1);
      if (task.status === 'running') this.#hold(goal.org, task.worker, 1);
    }
    if (goal.ended) this.ended.ended(goal);
  }
}

/** The planning task is none of the goal's counts. */
const isCounted = (batch: TaskBatch): boolean => batch.id === batch.goal.id;
