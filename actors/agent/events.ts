import { restartsMax, restartWindowMs } from '../../kernel/bounds.ts';
import type { Json } from '../../kernel/envelope.ts';

/** Facts of an agent (docs/domain.md, "Agent"). */
export type AgentEvent =
  | {
      readonly type: 'AgentSpawned';
      readonly data: AgentProfile & { readonly fingerprint?: string; readonly upbringing?: Upbringing };
    }
  /** A name was reserved for it in vain: it exists with another one, has stopped, or was renamed meanwhile. */
  | { readonly type: 'AgentNameDeclined'; readonly data: { readonly name: string; readonly version: number } }
  | { readonly type: 'AgentProfileChanged'; readonly data: Partial<AgentProfile> }
  | { readonly type: 'AgentPaused'; readonly data: { readonly reason?: string } }
  | { readonly type: 'AgentResumed'; readonly data: { readonly reason?: string } }
  | { readonly type: 'AgentDrainStarted'; readonly data: { readonly reason?: string } }
  | { readonly type: 'AgentStopped'; readonly data: { readonly reason?: string } }
  | { readonly type: 'AgentFailed'; readonly data: { readonly reason: string } }
  | { readonly type: 'AgentRestarted'; readonly data: { readonly reason?: string } }
  | {
      readonly type: 'AgentMessageReceived';
      readonly data: {
        readonly type: string;
        readonly payload: Json;
        /** Who sent it: `agent:<id>`, `key:<id>`, `publisher:nats`. */
        readonly from?: string;
        /** Of another agent's: the task that sent it. */
        readonly taskId?: string;
      };
    }
  /** A task of its own wants it to have this child: its name is reserved behind this. */
  | { readonly type: 'AgentChildWanted'; readonly data: { readonly childId: string; readonly name: string } }
  /** It is a parent now, or one child more. */
  | { readonly type: 'AgentChildSpawned'; readonly data: { readonly childId: string } }
  | { readonly type: 'AgentChildStopped'; readonly data: { readonly childId: string } }
  /** Its parent treats its failures otherwise from here on. */
  | { readonly type: 'AgentSupervised'; readonly data: Pick<Upbringing, 'supervision' | 'asOf'> }
  | { readonly type: 'AgentGoalAdmitted'; readonly data: { readonly goalId: string; readonly run: number } }
  | {
      readonly type: 'AgentGoalSettled';
      readonly data: { readonly goalId: string; readonly run: number; readonly status: string };
    };

/** Everything a client may say about an agent, defaults filled in. */
export interface AgentProfile {
  readonly name: string;
  readonly kind: string;
  readonly systemPrompt: string;
  readonly config: Json;
  readonly tags: readonly string[];
  /** Task types its plans may use; empty: all. */
  readonly allowedTools: readonly string[];
  readonly priority: number;
  readonly parentId: string | null;
  readonly maxConcurrentGoals: number;
  readonly metadata: Json;
  /** What becomes of its children when they fail. */
  readonly supervision: ChildSupervision;
  /** Whose personal data the profile is. */
  readonly subject: string | null;
}

/** What becomes of a child that fails (docs/domain.md, "Agent"): its parent says it. */
export interface ChildSupervision {
  readonly policy: 'restart' | 'backoff' | 'escalate' | 'stop';
  /** How often it may fail within the window before it is suspended. */
  readonly maxRestarts: number;
  readonly withinMs: number;
}

/** How children are treated whose parent does not say: as all actors are. */
export const supervisionDefault: ChildSupervision = {
  policy: 'restart',
  maxRestarts: restartsMax,
  withinMs: restartWindowMs,
};

/** What an agent has from its parent. */
export interface Upbringing {
  /** How many ancestors it has. */
  readonly depth: number;
  readonly supervision: ChildSupervision;
  /** The version of its parent's profile that says so. */
  readonly asOf: number;
}

export type AgentStatus = 'active' | 'paused' | 'draining' | 'stopped' | 'failed';
