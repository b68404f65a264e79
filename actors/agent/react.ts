import { type Cause, type Effect, type Stamped, send } from '../../kernel/behavior.ts';
import { goalAt, submission } from './admission.ts';
import type { AgentEvent } from './events.ts';
import { policyOf, toChildren, toNewborn, toParent, toWanted } from './family.ts';
import { type AgentState, isSameName, nameAt } from './state.ts';

export function react(state: AgentState, event: Stamped<AgentEvent>, cause: Cause): readonly Effect[] {
  const self = event.actor;
  const release = (name: string, version: number, reason: string): Effect =>
    send(nameAt(self, name), 'release', { holder: self.id, version, reason });
  const cancel = (goalId: string): Effect =>
    send(goalAt(self, goalId), 'cancel', { code: 'agent_stopped', agentId: self.id });
  switch (event.type) {
    case 'AgentSpawned':
      return [send(nameAt(self, event.data.name), 'confirm', { holder: self.id }), ...toParent(self, state, 'born')];
    case 'AgentProfileChanged': {
      const { name, supervision } = event.data;
      const { formerName } = state;
      const news = supervision === undefined ? [] : toChildren(self, state, 'supervise', policyOf(state));
      if (name === undefined || formerName === undefined || isSameName(self, name, formerName)) return news;
      return [
        ...news,
        send(nameAt(self, name), 'confirm', { holder: self.id }),
        release(formerName, state.profileVersion, 'renamed'),
      ];
    }
    case 'AgentNameDeclined':
      return [release(event.data.name, event.data.version, 'declined')];
    case 'AgentChildWanted':
      return [toWanted(self, state, cause.body)];
    case 'AgentChildSpawned':
      return toNewborn(self, state, cause.body);
    case 'AgentDrainStarted':
      return toChildren(self, state, 'drain', { reason: 'parent_draining' });
    case 'AgentGoalAdmitted':
      if (cause.verb !== 'admit') return [];
      return [send(goalAt(self, event.data.goalId), 'submit', submission(state, cause.body), { delegate: true })];
    case 'AgentStopped':
      return [
        release(state.profile.name, state.profileVersion, 'stopped'),
        ...state.cancelling.slice(0, state.told).map(cancel),
        // What has drained has told them so before, and they finish what they have.
        ...(cause.verb === 'stop' ? toChildren(self, state, 'stop', { reason: 'parent_stopped' }) : []),
        ...toParent(self, state, 'gone'),
      ];
    case 'AgentGoalSettled': {
      // One after the other, beyond the first: no event carries more than a part's messages.
      const next = state.status === 'stopped' ? state.cancelling[state.told - 1] : undefined;
      return next === undefined ? [] : [cancel(next)];
    }
    default:
      return [];
  }
}
