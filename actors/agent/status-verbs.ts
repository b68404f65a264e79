import { accept, type Decision, refuse, refuseKept } from '../../kernel/behavior.ts';
import { reasonOf, type Verb } from '../command.ts';
import type { AgentEvent } from './events.ts';
import type { AgentState } from './state.ts';

const invalid = ({ status }: AgentState, expected: string): Decision<never> =>
  refuse('conflict', 'invalid_transition', `expected ${expected}, found an agent that is ${status}`);

/** Why a mailbox takes nothing; another agent's message is kept then, since nobody waits to hear of it. */
const closedMailbox = ({ status }: AgentState): Decision<never> | undefined =>
  status === 'active' || status === 'paused'
    ? undefined
    : refuseKept('conflict', 'agent_not_accepting', `expected an active or paused agent, found one that is ${status}`);

/** `active ⇄ paused`, `active | paused → draining → stopped`, any → `failed` → `active`; and the mailbox. */
export const statusVerbs = {
  pause: (state, body) =>
    state.status === 'active'
      ? accept<AgentEvent>([{ type: 'AgentPaused', data: reasonOf(body) }])
      : invalid(state, 'an active agent'),

  resume: (state, body) =>
    state.status === 'paused'
      ? accept<AgentEvent>([{ type: 'AgentResumed', data: reasonOf(body) }])
      : invalid(state, 'a paused agent'),

  drain(state, body) {
    if (state.status !== 'active' && state.status !== 'paused') return invalid(state, 'an active or paused agent');
    const events: AgentEvent[] = [{ type: 'AgentDrainStarted', data: reasonOf(body) }];
    if (state.open.size === 0) events.push({ type: 'AgentStopped', data: { reason: 'drained' } });
    return accept(events);
  },

  stop: (state, body) =>
    state.status === 'stopped'
      ? invalid(state, 'one that is not stopped')
      : accept<AgentEvent>([{ type: 'AgentStopped', data: reasonOf(body) }]),

  restart: (state, body) =>
    state.status === 'failed'
      ? accept<AgentEvent>([{ type: 'AgentRestarted', data: reasonOf(body) }])
      : invalid(state, 'a failed agent'),

  /** Supervision's. */
  fail: (state, { reason }) =>
    state.status === 'stopped' || state.status === 'failed'
      ? accept<AgentEvent>([])
      : accept<AgentEvent>([
          { type: 'AgentFailed', data: { reason: typeof reason === 'string' ? reason : 'suspended' } },
        ]),

  message(state, { type, payload, from, taskId }) {
    if (typeof type !== 'string') return refuse('rejected', 'invalid_input', 'expected { type, payload? }');
    const closed = closedMailbox(state);
    if (closed) return closed;
    const data = {
      type,
      payload: payload ?? null,
      ...(typeof from === 'string' ? { from } : null),
      ...(typeof taskId === 'string' ? { taskId } : null),
    };
    return accept<AgentEvent>([{ type: 'AgentMessageReceived', data }]);
  },

  /** Whether a message would be taken now: who is about to send one asks. */
  reach: (state) => closedMailbox(state) ?? accept<AgentEvent>([]),
} satisfies Record<string, Verb<AgentState, AgentEvent>>;
