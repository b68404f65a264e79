import type { Address } from '../../kernel/address.ts';
import type { Timer, Work, WorkRoute } from '../../kernel/behavior.ts';
import { micros, plusMs } from '../../kernel/brand.ts';
import type { Json } from '../../kernel/envelope.ts';
import { refusedReofferMs, reofferMs, timeoutMarginMs } from '../bounds.ts';
import { planningTask } from '../goal/planning-task.ts';
import { resolveInput } from '../goal/references.ts';
import type { GoalState } from '../goal/state.ts';
import type { TaskState } from './state.ts';

/** What a task wants of dispatcher, workers and clock, derived from its state and its goal's (never recorded). */

/** Whether the goal lets this task go on now. */
export const isOpen = (goal: GoalState, { planned }: TaskState): boolean =>
  planned.key === planningTask.key ? goal.status === 'planning' : goal.status === 'active';

export const routeOf = ({ planned }: TaskState): WorkRoute => ({ pool: planned.pool, type: planned.type });

export function work(state: TaskState, head?: unknown): Work | undefined {
  const goal = head as GoalState;
  const { attempt, offer, planned, worker, incarnation } = state;
  const route = routeOf(state);
  if (state.status === 'running') return { phase: 'held', route, attempt, worker, incarnation };
  if (!isOpen(goal, state)) return undefined;
  const { priority } = planned;
  if (state.status === 'queued') return { phase: 'offered', route, priority, since: state.readyAt, attempt, offer };
  if (state.status === 'failed') return { phase: 'ready', route, priority, since: state.retryAt };
  if (state.status !== 'created') return undefined;
  const node = planned.key === planningTask.key ? goal.planning : goal.graph?.nodes.get(planned.key);
  return node?.status === 'pending' ? { phase: 'ready', route, priority, since: micros(node.readyAt) } : undefined;
}

export function timers(state: TaskState, head?: unknown): readonly Timer[] {
  if (state.status === 'queued' && isOpen(head as GoalState, state))
    return [
      {
        name: 'offer',
        at: plusMs(state.since, state.refusedBy.length > 0 ? refusedReofferMs : reofferMs),
        generation: state.offer,
      },
    ];
  if (state.status === 'running') {
    const at = plusMs(state.since, state.planned.timeoutMs + timeoutMarginMs);
    return [{ name: 'timeout', at, generation: state.attempt }];
  }
  return [];
}

export const resolvedInput = (state: TaskState, goal: GoalState): Json =>
  resolveInput(state.planned.input, (key) => goal.graph?.nodes.get(key)?.result);

/** What WORK carries of an attempt (docs/nats.md, "Working"). */
export function attempt(state: TaskState, self: Address, head?: unknown): Json {
  const goal = head as GoalState;
  return {
    taskId: self.id,
    attempt: state.attempt,
    offer: state.offer,
    type: state.planned.type,
    input: resolvedInput(state, goal),
    timeoutMs: state.planned.timeoutMs,
    limits: state.planned.limits as Json,
    agentId: goal.agentId,
    profileVersion: goal.agent.profileVersion,
    idempotencyKey: `${self.id}:${state.run}`,
  };
}
