import type { TaskError } from '../task/events.ts';
import type { Plan } from './plan.ts';

/** Facts of a goal (docs/domain.md, "Goal"). GoalActivated creates its tasks; their progress is no event of its own. */
export type GoalEvent =
  | {
      readonly type: 'GoalSubmitted';
      readonly data: {
        readonly agentId: string;
        readonly text?: string;
        readonly plan?: Plan;
        readonly priority: number;
        readonly dependsOn: readonly string[];
        /** Microseconds. */
        readonly deadline: number;
        readonly requireApproval: boolean;
        readonly labels: { readonly [key: string]: string };
        readonly subject?: string;
        readonly agent: AgentProfilePin;
        /** Of the creating request, when it had an idempotency key or a derived id. */
        readonly fingerprint?: string;
      };
    }
  /** A repeat of its submission was admitted when it had ended, or by another agent than its own: that one need not count it. */
  | { readonly type: 'GoalAdmissionDeclined'; readonly data: { readonly agentId: string } }
  /** Another goal waits for this one. */
  | { readonly type: 'GoalWatched'; readonly data: { readonly by: string } }
  /** Waits for these goals. Part of the submission's commit. */
  | { readonly type: 'GoalBlocked'; readonly data: { readonly on: readonly string[] } }
  /** A goal it waits for has ended well (or `continue` let it pass); `left` are still open. */
  | { readonly type: 'GoalUnblocked'; readonly data: { readonly by: string; readonly left: readonly string[] } }
  /** The planning task's plan was accepted. */
  | { readonly type: 'GoalPlanned'; readonly data: { readonly plan: Plan } }
  | { readonly type: 'GoalPlanRejected'; readonly data: { readonly error: TaskError } }
  | { readonly type: 'GoalApprovalRequested'; readonly data: { readonly expiresAt: number } }
  | { readonly type: 'GoalApproved'; readonly data: { readonly by: string; readonly reason?: string } }
  | { readonly type: 'GoalRejected'; readonly data: { readonly by: string; readonly reason?: string } }
  | { readonly type: 'GoalApprovalExpired'; readonly data: Record<string, never> }
  /** Its tasks exist from here on: those of the plan. */
  | { readonly type: 'GoalActivated'; readonly data: { readonly tasks: number } }
  | { readonly type: 'GoalPaused'; readonly data: { readonly reason?: string } }
  | { readonly type: 'GoalResumed'; readonly data: { readonly reason?: string } }
  /** `sinks` name the tasks whose results are the goal's; the read composes them. */
  | {
      readonly type: 'GoalCompleted';
      readonly data: { readonly sinks: readonly string[]; readonly failedTasks: readonly string[] };
    }
  | { readonly type: 'GoalFailed'; readonly data: { readonly error: TaskError; readonly culprit?: string } }
  | {
      readonly type: 'GoalCancelled';
      readonly data: { readonly code: string; readonly reason?: string; readonly culprit?: string };
    }
  /** A redrive began run `run`; `tasks` are reopened with it. */
  | { readonly type: 'GoalReopened'; readonly data: { readonly run: number; readonly tasks: readonly string[] } };

/** What of the agent's profile the goal's tasks see. */
export interface AgentProfilePin {
  readonly profileVersion: number;
  readonly allowedTools: readonly string[];
}

export type GoalStatus =
  | 'submitted'
  | 'blocked'
  | 'planning'
  | 'awaiting_approval'
  | 'active'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'cancelled';
