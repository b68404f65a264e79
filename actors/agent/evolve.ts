import type { Stamped } from '../../kernel/behavior.ts';
import { formerProfilesMax, waveMax } from '../bounds.ts';
import { type AgentEvent, type AgentStatus, supervisionDefault, type Upbringing } from './events.ts';
import { formerOf } from './profiles.ts';
import type { AgentState } from './state.ts';

const statusAfter: Readonly<Partial<Record<AgentEvent['type'], AgentStatus>>> = {
  AgentPaused: 'paused',
  AgentResumed: 'active',
  AgentRestarted: 'active',
  AgentDrainStarted: 'draining',
  AgentFailed: 'failed',
};

export function evolve(was: AgentState | undefined, event: Stamped<AgentEvent>): AgentState {
  if (event.type === 'AgentSpawned') {
    const { fingerprint, upbringing, ...profile } = event.data;
    return {
      profile: { ...profile, supervision: profile.supervision ?? supervisionDefault },
      profileVersion: 1,
      status: 'active',
      fingerprint,
      open: new Map(),
      overBefore: new Map(),
      namedAt: 1,
      formerName: undefined,
      cancelling: [],
      told: 0,
      children: new Set(),
      goneBefore: new Set(),
      upbringing,
      former: [],
    };
  }
  const state = was as AgentState;
  switch (event.type) {
    case 'AgentProfileChanged': {
      const { name } = event.data;
      const profileVersion = state.profileVersion + 1;
      const isRenamed = name !== undefined && name !== state.profile.name;
      return {
        ...state,
        profile: { ...state.profile, ...event.data },
        profileVersion,
        namedAt: isRenamed ? profileVersion : state.namedAt,
        formerName: isRenamed ? state.profile.name : undefined,
        former: [...state.former, formerOf(state, event.data)].slice(-formerProfilesMax),
      };
    }
    case 'AgentNameDeclined':
      // What else was reserved as of then may go back with it.
      return { ...state, namedAt: Math.max(state.namedAt, event.data.version) };
    case 'AgentStopped': {
      const cancelling = [...state.open.keys()];
      return { ...state, status: 'stopped', cancelling, told: Math.min(waveMax, cancelling.length) };
    }
    case 'AgentChildSpawned':
      if (!state.goneBefore.delete(event.data.childId)) state.children.add(event.data.childId);
      return state;
    case 'AgentChildStopped':
      if (!state.children.delete(event.data.childId)) state.goneBefore.add(event.data.childId);
      return state;
    case 'AgentSupervised':
      return { ...state, upbringing: { ...(state.upbringing as Upbringing), ...event.data } };
    case 'AgentGoalAdmitted':
      state.open.set(event.data.goalId, event.data.run);
      state.overBefore.delete(event.data.goalId);
      return state;
    case 'AgentGoalSettled': {
      const { goalId, run } = event.data;
      if (run > 1 && run !== state.open.get(goalId)) state.overBefore.set(goalId, run);
      state.open.delete(goalId);
      return { ...state, told: state.told + 1 };
    }
    default:
      return { ...state, status: statusAfter[event.type] ?? state.status };
  }
}
