import type { AgentStatus, ChildSupervision } from '../actors/agent/events.ts';
import type { Json } from '../kernel/envelope.ts';
import type { HeldActorView } from './held-actor-view.ts';

/** An agent as `GET /v1/agents/{id}` shows it. */
export interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly status: AgentStatus;
  readonly systemPrompt: string;
  readonly config: Json;
  readonly tags: readonly string[];
  readonly allowedTools: readonly string[];
  readonly priority: number;
  readonly parentId: string | null;
  readonly maxConcurrentGoals: number;
  readonly metadata: Json;
  /** What becomes of its children when they fail. */
  readonly supervision: ChildSupervision;
  readonly subject: string | null;
  /** Counts changes of the profile, from 1. */
  readonly profileVersion: number;
  /** Goals admitted and not settled. */
  readonly openGoals: number;
  /** Why it was paused, drained, stopped or failed, when that was said. */
  readonly reason?: string;
  /** Why it shows as failed: it was suspended, and goes on when `id`, what watches over it, is resumed. */
  readonly suspension?: Pick<HeldActorView, 'id' | 'reason' | 'code' | 'deadLetterId' | 'since'>;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Of its last event. */
  readonly position: string;
}

export interface AgentFilter {
  readonly status?: AgentStatus | undefined;
  readonly tag?: string | undefined;
  /** Without case, whole. */
  readonly name?: string | undefined;
  /** Children of this agent. */
  readonly parentId?: string | undefined;
}

/** A message that came into an agent's mailbox. */
export interface AgentMessageView {
  readonly position: string;
  readonly type: string;
  readonly payload: Json;
  /** `agent:<id>`, `key:<id>`, `publisher:nats`. */
  readonly from?: string;
  /** Of another agent's: the task that sent it. */
  readonly taskId?: string;
  readonly receivedAt: string;
}
