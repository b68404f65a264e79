import type { Micros } from '../../kernel/brand.ts';
import type { AgentProfilePin, GoalStatus } from './events.ts';
import type { Graph, Node } from './graph.ts';
import type { Plan } from './plan.ts';
import { planningTask } from './planning-task.ts';
import type { Wave } from './wave.ts';

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
  readonly firstTasks: readonly string[];
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
  /** Open tasks that are being cancelled, or ended ones that are being reopened. */
  wave: Wave | undefined;
  /** Members whose readiness the last event changed: `react` runs right behind `evolve`, on the same event. */
  touched: readonly string[];
  /** Where the wave's next part begins, when the last event ended one. */
  waveFrom: number | undefined;
}

export const isEnded = ({ status }: Pick<GoalState, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';

export const nodeOf = (state: GoalState, key: string): Node | undefined =>
  key === planningTask.key ? state.planning : state.graph?.nodes.get(key);
