import type { Micros } from '../../kernel/brand.ts';
import type { AgentProfilePin, GoalStatus } from './events.ts';
import type { Graph, Node } from './graph.ts';
import type { Plan } from './plan.ts';

/** What a goal knows of itself and of its tasks. Owned by its fold: graph and waves change in place. */
export interface GoalState {
  readonly agentId: string;
  readonly agent: AgentProfilePin;
  readonly subject: string | undefined;
  readonly fingerprint: string | undefined;
  readonly requireApproval: boolean;
  readonly priority: number;
  /** What the first answer said. */
  firstStatus: GoalStatus;
  firstTasks: readonly string[];
  status: GoalStatus;
  run: number;
  plan: Plan | undefined;
  /** Goals it waits for. */
  waitingFor: readonly string[];
  deadline: Micros;
  approvalUntil: Micros;
  graph: Graph | undefined;
  /** The planning task, for a goal that came with text alone. */
  planning: Node | undefined;
  resultBytes: number;
  /** Goals that wait for this one. */
  watchers: readonly string[];
  /** The task whose failure ended it, if one did. */
  culprit: string | undefined;
  /** Open tasks that are being cancelled, a wave at a time. */
  wave: Wave | undefined;
}

export interface Wave {
  readonly keys: readonly string[];
  /** How many were told. */
  sent: number;
  /** How many have ended since. */
  ended: number;
  /** Why: for what depends on the culprit, and for the others. */
  readonly code: string;
  readonly culprit: string | undefined;
  readonly downstream: ReadonlySet<string>;
}
