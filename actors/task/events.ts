import type { Json } from '../../kernel/envelope.ts';
import type { AgentProfile } from '../agent/events.ts';

/** Facts of a task (docs/domain.md, "Task"). Times are microseconds, spans milliseconds. Names are public: add, never rename. */
export type TaskEvent =
  /** Committed to be offered. `offer` 1 starts an attempt; higher ones offer the same attempt again. */
  | {
      readonly type: 'TaskQueued';
      readonly data: {
        readonly attempt: number;
        readonly offer: number;
        readonly run: number;
        readonly readyAt: number;
        /** The worker that cannot run the attempt: why it is offered again. */
        readonly refusedBy?: string;
      };
    }
  | {
      readonly type: 'TaskStarted';
      readonly data: { readonly attempt: number; readonly worker: string; readonly incarnation: string };
    }
  /** Sampled: at most one a second reaches the log. `fraction` is 0 … 1. */
  | {
      readonly type: 'TaskProgressed';
      readonly data: { readonly attempt: number; readonly fraction?: number; readonly note?: string };
    }
  | {
      readonly type: 'TaskCompleted';
      readonly data: {
        readonly attempt: number;
        readonly result?: Json;
        readonly artifacts?: readonly Artifact[];
        /** To other agents, on behalf of the goal's: sent with this event, and so once. */
        readonly messages?: readonly SentMessage[];
        /** Children for the goal's agent, which is asked with this event, and so once. */
        readonly spawned?: readonly SpawnedAgent[];
      };
    }
  /** `retryAt` is absent when no attempt is left, or none would help: TaskDeadLettered follows in the same commit. */
  | {
      readonly type: 'TaskAttemptFailed';
      readonly data: {
        readonly attempt: number;
        readonly error: TaskError;
        readonly retryAt?: number;
        readonly artifacts?: readonly Artifact[];
      };
    }
  /** The worker fell silent, was replaced, or let the attempt go. */
  | {
      readonly type: 'TaskAttemptLost';
      readonly data: {
        readonly attempt: number;
        readonly worker: string;
        readonly reason: string;
        readonly retryAt?: number;
      };
    }
  | {
      readonly type: 'TaskDeadLettered';
      readonly data: { readonly attempt: number; readonly run: number; readonly error: TaskError };
    }
  /** `culprit` is the task or goal whose failure caused it. */
  | {
      readonly type: 'TaskCancelled';
      readonly data: { readonly code: string; readonly reason?: string; readonly culprit?: string };
    }
  /** A dead letter begins run `run`; attempts go on from `attempt`. */
  | { readonly type: 'TaskRedriven'; readonly data: { readonly run: number } }
  /** Cancelled by a failure that is being redriven: it waits for its dependencies again. */
  | { readonly type: 'TaskReopened'; readonly data: { readonly run: number } }
  | { readonly type: 'TaskSignalled'; readonly data: { readonly name: string; readonly payload?: Json } };

/** Why an attempt ended badly. */
export interface TaskError {
  /** Stable, snake_case: `exit_nonzero`, `timeout`, `attempt_lost`, `limit_unenforceable` … */
  readonly code: string;
  readonly message: string;
  /** False: another attempt cannot help. */
  readonly retryable?: boolean;
  readonly details?: Json;
}

/** A message that an attempt leaves for an agent's mailbox. */
export interface SentMessage {
  /** `ag_…` */
  readonly to: string;
  readonly type: string;
  readonly payload: Json;
}

/** An agent that an attempt wants to be there. */
export interface SpawnedAgent {
  /** `ag_…`, which follows from the task and its place among these. */
  readonly id: string;
  readonly profile: AgentProfile;
}

/** A file that an attempt left behind. */
export interface Artifact {
  /** Hex. */
  readonly sha256: string;
  readonly size: number;
  readonly mediaType: string;
  readonly name: string;
}

export type TaskStatus =
  | 'created'
  | 'pending'
  | 'queued'
  | 'running'
  | 'failed'
  | 'completed'
  | 'dead_letter'
  | 'cancelled';
