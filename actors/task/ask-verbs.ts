import { redirect, refuse } from '../../kernel/behavior.ts';
import { isId } from '../../kernel/ids.ts';
import type { Verb } from '../command.ts';
import { agentAt } from '../goal/addresses.ts';
import type { GoalState } from '../goal/state.ts';
import type { TaskEvent } from './events.ts';
import { fenced, isHeld } from './fence.ts';
import type { TaskState } from './state.ts';

/**
 * What the holder of an attempt may ask, for as long as it holds it, and on behalf of its goal alone. The task lets the question
 * through to the agent that it is about, which answers; nothing is recorded.
 */
export const askVerbs = {
  /** The profile of the goal's agent, as it was when the goal was admitted. */
  profile(state, body, { self, head }) {
    if (!isHeld(state, body)) return fenced(state, body);
    const { agentId, agent } = head as GoalState;
    return redirect(agentAt(self, agentId), 'profile', { version: agent.profileVersion });
  },

  /** Whether an agent would take a message. */
  reach(state, body, { self }) {
    if (!isHeld(state, body)) return fenced(state, body);
    const { agentId } = body;
    if (typeof agentId !== 'string' || !isId('ag', agentId))
      return refuse('rejected', 'invalid_input', 'expected { agentId } with the id of an agent');
    return redirect(agentAt(self, agentId), 'reach', {});
  },
} satisfies Record<string, Verb<TaskState, TaskEvent>>;
