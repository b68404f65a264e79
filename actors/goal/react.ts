import { type Effect, type Stamped, send } from '../../kernel/behavior.ts';
import { agentAt, goalAt } from './addresses.ts';
import { standingFor } from './dependency-verbs.ts';
import type { GoalEvent } from './events.ts';
import { isTerminal, type Node } from './graph.ts';
import { planningTask } from './planning-task.ts';
import type { GoalState } from './state.ts';
import { messagesOf } from './wave.ts';

export function react(state: GoalState, event: Stamped<GoalEvent>): readonly Effect[] {
  const self = event.actor;
  switch (event.type) {
    case 'GoalAdmissionDeclined': {
      const settled = { goalId: self.id, run: state.run, status: 'declined' };
      return [send(agentAt(self, event.data.agentId), 'settle', settled)];
    }
    case 'GoalWatched': {
      const status = standingFor(state, event.data.by);
      if (status === undefined) return [];
      return [send(goalAt(self, event.data.by), 'dependency', { goalId: self.id, status })];
    }
    case 'GoalBlocked':
      return event.data.on.map((id) => send(goalAt(self, id), 'watch', { by: self.id }));
    case 'GoalSubmitted':
    case 'GoalUnblocked':
      return state.status === 'planning' ? [{ kind: 'touch', members: [planningTask.key] }] : [];
    case 'GoalActivated':
      return [{ kind: 'touch', members: keysOf(state, ({ status }) => status === 'pending') }];
    case 'GoalPaused':
    case 'GoalResumed':
      return [{ kind: 'touch', members: keysOf(state, isUnderWay) }];
    case 'GoalReopened':
      return [
        send(agentAt(self, state.agentId), 'readmit', { goalId: self.id, run: event.data.run }),
        ...(state.wave ? messagesOf(state.wave, self, 0) : []),
        { kind: 'touch', members: keysOf(state, ({ status }) => status === 'pending') },
      ];
    case 'GoalCompleted':
    case 'GoalFailed':
    case 'GoalCancelled':
      return [
        send(agentAt(self, state.agentId), 'settle', { goalId: self.id, run: state.run, status: state.status }),
        ...state.watchers.map((by) => send(goalAt(self, by), 'dependency', { goalId: self.id, status: state.status })),
        ...(state.wave ? messagesOf(state.wave, self, 0) : []),
      ];
    default:
      return [];
  }
}

const keysOf = ({ graph }: GoalState, which: (node: Node) => boolean): readonly string[] =>
  [...(graph?.nodes.values() ?? [])].filter(which).map(({ task }) => task.key);

/** What is or may be offered: what a pause takes back, and a resumption offers again. */
const isUnderWay = ({ status }: Node): boolean => !isTerminal(status) && status !== 'created';
