import { accept, type Decision, refuse } from '../../kernel/behavior.ts';
import { reasonOf, type Verb } from '../command.ts';
import type { GoalEvent } from './events.ts';
import type { Plan } from './plan.ts';
import { type GoalState, isEnded } from './state.ts';

const invalid = ({ status }: GoalState, expected: string): Decision<never> =>
  refuse('conflict', 'invalid_transition', `expected ${expected}, found a goal that is ${status}`);

/** What people ask of a goal. */
export const clientVerbs = {
  /** With a code it is an agent's, which does not mind when it has ended already, or is another agent's. */
  cancel(state, body) {
    const { code, agentId } = body;
    if (agentId !== undefined && agentId !== state.agentId) return accept<GoalEvent>([]);
    if (isEnded(state)) return typeof code === 'string' ? accept<GoalEvent>([]) : invalid(state, 'an open goal');
    return accept<GoalEvent>([
      { type: 'GoalCancelled', data: { code: typeof code === 'string' ? code : 'cancelled', ...reasonOf(body) } },
    ]);
  },

  pause: (state, body) =>
    state.status === 'active'
      ? accept<GoalEvent>([{ type: 'GoalPaused', data: reasonOf(body) }])
      : invalid(state, 'an active goal'),

  resume: (state, body) =>
    state.status === 'paused'
      ? accept<GoalEvent>([{ type: 'GoalResumed', data: reasonOf(body) }])
      : invalid(state, 'a paused goal'),

  approve(state, body, { envelope }) {
    if (state.status !== 'awaiting_approval') return invalid(state, 'one that awaits approval');
    return accept<GoalEvent>([
      { type: 'GoalApproved', data: { by: envelope.principal, ...reasonOf(body) } },
      { type: 'GoalActivated', data: { tasks: (state.plan as Plan).tasks.length } },
    ]);
  },

  reject(state, body, { envelope }) {
    if (state.status !== 'awaiting_approval') return invalid(state, 'one that awaits approval');
    return accept<GoalEvent>([
      { type: 'GoalRejected', data: { by: envelope.principal, ...reasonOf(body) } },
      { type: 'GoalCancelled', data: { code: 'rejected', ...reasonOf(body) } },
    ]);
  },
} satisfies Record<string, Verb<GoalState, GoalEvent>>;
