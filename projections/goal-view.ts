import type { GoalStatus } from '../actors/goal/events.ts';
import type { TaskError, TaskStatus } from '../actors/task/events.ts';
import type { Json } from '../kernel/envelope.ts';

export type TaskCounts = { readonly [status in TaskStatus]: number };

/** What a goal that does not move waits for. */
export type GoalWaitsFor =
  | { readonly kind: 'goals'; readonly goals: readonly string[] }
  | { readonly kind: 'plan'; readonly taskId: string }
  | { readonly kind: 'approval'; readonly until: string }
  | { readonly kind: 'resume' };

/** A goal as `GET /v1/goals/{id}` shows it. */
export interface GoalView {
  readonly id: string;
  readonly agentId: string;
  readonly status: GoalStatus;
  readonly run: number;
  readonly text: string | null;
  readonly priority: number;
  readonly labels: { readonly [key: string]: string };
  readonly dependsOn: readonly string[];
  readonly requireApproval: boolean;
  readonly subject: string | null;
  readonly counts: TaskCounts;
  readonly waitingFor?: GoalWaitsFor;
  /** By key of the sink tasks; `{ "$task": id }` for those beyond 1 MiB in all. */
  readonly result?: { readonly [key: string]: Json };
  readonly error?: TaskError;
  /** The task or goal whose failure ended it. */
  readonly culprit?: string;
  /** Why it was paused, cancelled or rejected, when that was said. */
  readonly reason?: string;
  readonly failedTasks?: readonly string[];
  readonly deadline: string;
  readonly submittedAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** Of the last event of the goal or of one of its tasks. */
  readonly position: string;
}

export interface GoalFilter {
  readonly agentId?: string | undefined;
  readonly status?: GoalStatus | undefined;
  /** `key:value` */
  readonly label?: string | undefined;
}

/** A goal's DAG as `GET /v1/goals/{id}/graph` shows it. */
export interface GoalGraphView {
  readonly tasks: readonly GraphTaskView[];
  /** From a task's id to that of one that depends on it. */
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

export interface GraphTaskView {
  readonly id: string;
  readonly key: string;
  readonly type: string;
  readonly pool: string;
  readonly status: TaskStatus;
  readonly attempt: number;
  readonly progress?: number;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}
