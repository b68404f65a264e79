import type { Artifact, TaskError, TaskEvent, TaskStatus } from '../actors/task/events.ts';
import type { Json } from '../kernel/envelope.ts';

/** Why a task does not run. */
export type TaskWaitsFor =
  | { readonly kind: 'dependencies'; readonly tasks: readonly string[] }
  /** All slots of the pool's workers are taken. */
  | { readonly kind: 'slot'; readonly pool: string }
  /** No live worker of the pool runs this type. */
  | { readonly kind: 'worker'; readonly pool: string; readonly type: string }
  | { readonly kind: 'backoff'; readonly until: string }
  /** Its goal waits for these. */
  | { readonly kind: 'goals'; readonly goals: readonly string[] }
  /** The goal waits for its approval. */
  | { readonly kind: 'approval' }
  /** The goal is paused. */
  | { readonly kind: 'resume' };

/** A task as `GET /v1/tasks/{id}` shows it. */
export interface TaskView {
  readonly id: string;
  readonly goalId: string;
  readonly agentId: string;
  readonly key: string;
  readonly type: string;
  readonly pool: string;
  readonly priority: number;
  readonly status: TaskStatus;
  readonly run: number;
  /** 0 before the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly dependsOn: readonly string[];
  readonly workerId?: string;
  readonly waitingFor?: TaskWaitsFor;
  /** As planned: references to other tasks' results are not filled in. */
  readonly input: Json;
  readonly progress?: { readonly fraction?: number; readonly note?: string };
  readonly result?: Json;
  readonly error?: TaskError;
  /** The task or goal whose failure had it cancelled. */
  readonly culprit?: string;
  readonly artifacts: readonly Artifact[];
  readonly createdAt: string;
  readonly readyAt?: string;
  readonly queuedAt?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** Of its last event. */
  readonly position: string;
}

export interface TaskFilter {
  readonly goalId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly status?: TaskStatus | undefined;
  readonly type?: string | undefined;
  readonly pool?: string | undefined;
  readonly workerId?: string | undefined;
}

/** A transition of a task. Creation and readiness are the goal's events: their position is that of the event that caused them. */
export interface TimelineEntryView {
  readonly at: string;
  readonly type: TaskEvent['type'] | 'TaskCreated' | 'TaskReady';
  readonly status: TaskStatus;
  readonly attempt?: number;
  readonly workerId?: string;
  readonly position: string;
  /** Of the W3C trace context. */
  readonly traceId?: string;
}

/** `GET /v1/tasks/{id}/timeline`, oldest first. */
export interface TimelineView {
  readonly items: readonly TimelineEntryView[];
  /** True when older transitions have left memory; history has them. */
  readonly truncated: boolean;
}
