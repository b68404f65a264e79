import type { GoalStatus } from '../actors/goal/events.ts';
import type { PlannedTask } from '../actors/goal/plan.ts';
import type { TaskError } from '../actors/task/events.ts';
import type { Micros, Seq, Shard } from '../kernel/brand.ts';
import type { Ordered } from './ordered-index.ts';
import type { TaskBatch, TaskRow } from './task-row.ts';
import { taskStatuses } from './task-row.ts';
import type { Totals } from './totals.ts';

export const goalStatuses: readonly GoalStatus[] = [
  'submitted',
  'blocked',
  'planning',
  'awaiting_approval',
  'active',
  'paused',
  'completed',
  'failed',
  'cancelled',
];

/** What a goal is created with. */
export interface GoalFacts extends Ordered {
  readonly org: string;
  readonly id: string;
  readonly shard: Shard;
  /** Of GoalSubmitted. */
  readonly seq: Seq;
  readonly createdAt: Micros;
  readonly agentId: string;
  readonly text: string | undefined;
  readonly priority: number;
  /** `key:value`, sorted as submitted. */
  readonly labels: readonly string[];
  readonly dependsOn: readonly string[];
  readonly requireApproval: boolean;
  readonly subject: string | undefined;
  readonly traceparent: string | undefined;
}

/** From how many tasks on a goal finds them by a map of their keys. */
const mapFrom = 16;

/** A goal in memory, with its tasks. */
export class GoalRow implements Ordered {
  readonly facts: GoalFacts;
  status: GoalStatus = 'submitted';
  run = 1;
  /** What its org has of everything, in its shard. */
  totals: Totals;
  readonly counts: number[] = taskStatuses.map(() => 0);
  /** Oldest first: the planning task's, then the plan's. */
  readonly batches: TaskBatch[] = [];
  #tasks: TaskRow[] | Map<string, TaskRow> = [];
  /** For large goals that move: by key, the tasks that depend on it. */
  #dependants: Map<string, TaskRow[]> | undefined = undefined;
  /** The plan, until its tasks exist. */
  plan: readonly PlannedTask[] | undefined = undefined;
  blockedOn: readonly string[] | undefined = undefined;
  approvalUntil: Micros | undefined = undefined;
  deadline: Micros;
  startedAt: Micros | undefined = undefined;
  finishedAt: Micros | undefined = undefined;
  sinks: readonly string[] | undefined = undefined;
  failedTasks: readonly string[] | undefined = undefined;
  error: TaskError | undefined = undefined;
  culprit: string | undefined = undefined;
  reason: string | undefined = undefined;
  /** Of the last event of the goal or of one of its tasks. */
  lastSeq: Seq;
  /** Of its events and its tasks'. */
  bytes = 0;
  /** It has left memory: nothing may find it any more. */
  gone = false;

  constructor(facts: GoalFacts, deadline: Micros, totals: Totals) {
    this.facts = facts;
    this.deadline = deadline;
    this.totals = totals;
    this.lastSeq = facts.seq;
  }

  get org(): string {
    return this.facts.org;
  }

  get id(): string {
    return this.facts.id;
  }

  get createdAt(): Micros {
    return this.facts.createdAt;
  }

  get shard(): Shard {
    return this.facts.shard;
  }

  get seq(): Seq {
    return this.facts.seq;
  }

  get ended(): boolean {
    return this.status === 'completed' || this.status === 'failed' || this.status === 'cancelled';
  }

  get size(): number {
    return this.#tasks instanceof Map ? this.#tasks.size : this.#tasks.length;
  }

  tasks(): Iterable<TaskRow> {
    return this.#tasks.values();
  }

  task(key: string): TaskRow | undefined {
    if (this.#tasks instanceof Map) return this.#tasks.get(key);
    for (const task of this.#tasks) if (task.planned.key === key) return task;
    return undefined;
  }

  addTasks(tasks: readonly TaskRow[]): void {
    if (this.#tasks instanceof Map || this.#tasks.length + tasks.length > mapFrom) {
      const map =
        this.#tasks instanceof Map ? this.#tasks : new Map(this.#tasks.map((task) => [task.planned.key, task]));
      for (const task of tasks) map.set(task.planned.key, task);
      this.#tasks = map;
    } else this.#tasks.push(...tasks);
  }

  dependantsOf(key: string): Iterable<TaskRow> {
    if (!(this.#tasks instanceof Map)) return this.#tasks.filter(({ planned }) => planned.dependsOn.includes(key));
    if (!this.#dependants) {
      this.#dependants = new Map();
      for (const task of this.#tasks.values())
        for (const dependency of task.planned.dependsOn) {
          const dependants = this.#dependants.get(dependency);
          if (dependants) dependants.push(task);
          else this.#dependants.set(dependency, [task]);
        }
    }
    return this.#dependants.get(key) ?? [];
  }

  /** Nothing moves in it now: what only speeds that up may go. */
  rest(): void {
    this.#dependants = undefined;
  }
}
