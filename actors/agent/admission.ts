import type { Address } from '../../kernel/address.ts';
import { accept, delegate, redirect, refuse } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { isFields, type Verb } from '../command.ts';
import { deadlineIsPast } from '../goal/deadline.ts';
import { checkPlan, planProblem } from '../goal/plan-check.ts';
import type { AgentEvent } from './events.ts';
import { type AgentState, pinOf } from './state.ts';

export const goalAt = ({ org }: Address, id: string): Address => ({ org, type: 'goal', id });

/** An agent admits goals before they exist, and counts those that are open. */
export const admissionVerbs = {
  admit(state, body, { self, now }) {
    const { goalId, goal } = body;
    if (typeof goalId !== 'string' || !isFields(goal))
      return refuse('rejected', 'invalid_input', 'expected { goalId, goal }');
    const { profile, status, open } = state;
    // Admitted before: whichever of the two messages comes first creates it, the other is a repeat.
    if (open.has(goalId)) return redirect(goalAt(self, goalId), 'submit', { ...body, agent: pinOf(state) });
    if (status !== 'active')
      return refuse('conflict', 'agent_not_accepting', `expected an active agent, found one that is ${status}`);
    if (open.size >= profile.maxConcurrentGoals)
      return refuse(
        'overloaded',
        'concurrent_goals_cap',
        `expected fewer than ${profile.maxConcurrentGoals} open goals of this agent, found ${open.size}: wait until one has ended`,
        { retryAfterMs: 1000 },
      );
    const { deadline } = goal;
    if (typeof deadline === 'number' && deadline <= now) return { kind: 'refused', problem: deadlineIsPast };
    if (goal['plan'] !== undefined) {
      const { allowedTools } = profile;
      const checked = checkPlan(goal['plan'], { priority: goal['priority'] as number, allowedTools });
      if (!checked.ok) return { kind: 'refused', problem: planProblem(checked) };
    }
    return delegate<AgentEvent>([{ type: 'AgentGoalAdmitted', data: { goalId, run: 1 } }]);
  },

  /** A goal begins another run: it is counted again, without admission; also when the end of the last one is still to be told. */
  readmit: (state, { goalId, run }) =>
    Math.max(runOf(state.open, goalId), runOf(state.overBefore, goalId)) >= (run as number)
      ? accept<AgentEvent>([])
      : accept<AgentEvent>([{ type: 'AgentGoalAdmitted', data: { goalId: goalId as string, run: run as number } }]),

  settle(state, { goalId, run, status }) {
    // I8: what was parked and redriven comes late: an end when the next run has begun, a beginning when its run is over.
    const counted = runOf(state.open, goalId);
    const isKnown = counted === 0 && ((run as number) === 1 || (run as number) <= runOf(state.overBefore, goalId));
    if (isKnown || (run as number) < counted) return accept<AgentEvent>([]);
    const data = { goalId: goalId as string, run: run as number, status: status as string };
    const events: AgentEvent[] = [{ type: 'AgentGoalSettled', data }];
    if (state.status === 'draining' && counted > 0 && state.open.size === 1)
      events.push({ type: 'AgentStopped', data: { reason: 'drained' } });
    return accept(events);
  },
} satisfies Record<string, Verb<AgentState, AgentEvent>>;

/** The run of a goal; 0 for none. */
const runOf = (runs: ReadonlyMap<string, number>, goalId: Json | undefined): number => runs.get(goalId as string) ?? 0;

/** The goal itself travels in the command; the event only counts it. */
export const submission = (state: AgentState, body: Json): Json => ({
  ...(isFields(body) ? body : {}),
  agent: pinOf(state),
  admitted: true,
});
