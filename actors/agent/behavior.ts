import { type Behavior, refuseKept } from '../../kernel/behavior.ts';
import { decideBy } from '../command.ts';
import { admissionVerbs } from './admission.ts';
import type { AgentEvent } from './events.ts';
import { evolve } from './evolve.ts';
import { familyVerbs, noParent, supervisionOf } from './family.ts';
import { namingVerbs, reserved, spawn } from './naming.ts';
import { profileVerbs } from './profiles.ts';
import { react } from './react.ts';
import type { AgentState } from './state.ts';
import { statusVerbs } from './status-verbs.ts';

/** What an agent that exists is asked; `create`, `spawn` and `reserved` may come before. */
export const verbs = { ...statusVerbs, ...namingVerbs, ...profileVerbs, ...familyVerbs, ...admissionVerbs };

/**
 * An agent (docs/domain.md, "Agent"): `active ⇄ paused`, `active | paused → draining → stopped`, any → `failed` → `active`.
 * It admits goals before they exist, and counts those that are open; its name is reserved before it is spawned.
 */
export const agent: Behavior<AgentState, AgentEvent> = {
  type: 'agent',
  ids: { prefix: 'ag' },
  version: 3,
  events: {
    AgentSpawned: 1,
    AgentNameDeclined: 1,
    AgentProfileChanged: 1,
    AgentPaused: 1,
    AgentResumed: 1,
    AgentDrainStarted: 1,
    AgentStopped: 1,
    AgentFailed: 1,
    AgentRestarted: 1,
    AgentMessageReceived: 1,
    AgentChildWanted: 1,
    AgentChildSpawned: 1,
    AgentChildStopped: 1,
    AgentSupervised: 1,
    AgentGoalAdmitted: 1,
    AgentGoalSettled: 1,
  },
  decide(state, verb, body, context) {
    if (verb === 'create' || verb === 'spawn') return spawn(state, verb, body, context);
    if (verb === 'reserved') return reserved(state, body, context);
    if (verb === 'bear' && !state) return noParent(context.self.id);
    if (verb === 'message' && !state)
      return refuseKept('rejected', 'not_found', `there is no agent ${context.self.id}`);
    return decideBy('agent', verbs, state, verb, body, context);
  },
  evolve,
  react,
  idle: () => true,
  supervision: supervisionOf,
  subject: ({ profile }) => profile.subject ?? undefined,
  personal: {
    AgentSpawned: ['systemPrompt', 'config', 'metadata'],
    AgentProfileChanged: ['systemPrompt', 'config', 'metadata'],
    AgentMessageReceived: ['payload'],
  },
};
