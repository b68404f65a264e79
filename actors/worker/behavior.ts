import { accept, type Behavior, refuse, repeat } from '../../kernel/behavior.ts';
import { decideBy, reasonOf, type Verb } from '../command.ts';
import type { WorkerEvent, WorkerProfile, WorkerStatus } from './events.ts';
import { readProfile } from './profile.ts';

/**
 * A worker (docs/domain.md, "Worker"): registered → active → draining → gone, or lost ⇄ active. Heartbeats are heard by the
 * kernel and are no facts; that the first one came is, as are silence and return.
 */
export interface WorkerState {
  readonly profile: WorkerProfile;
  readonly status: WorkerStatus;
}

const isThere = ({ status }: WorkerState): boolean =>
  status === 'registered' || status === 'active' || status === 'draining';

/** What a worker that exists is told; `register` and `returned` may come before. */
export const verbs = {
  drain: (state, body) =>
    state.status === 'registered' || state.status === 'active'
      ? accept<WorkerEvent>([{ type: 'WorkerDraining', data: reasonOf(body) }])
      : refuse('conflict', 'invalid_transition', `expected an active worker, found one that is ${state.status}`),

  /** The worker's own; of an earlier incarnation it comes too late. */
  stop: ({ status, profile: { incarnation } }, body) =>
    accept<WorkerEvent>(
      status === 'gone' || (body['incarnation'] ?? incarnation) !== incarnation
        ? []
        : [{ type: 'WorkerStopped', data: { incarnation, ...reasonOf(body) } }],
    ),

  /** Liveness's. */
  lost: (state, { incarnation, reason }) =>
    accept<WorkerEvent>(
      isThere(state) && incarnation === state.profile.incarnation
        ? [{ type: 'WorkerLost', data: { incarnation, reason: typeof reason === 'string' ? reason : 'worker_silent' } }]
        : [],
    ),

  /** Liveness's: it is heard, for the first time or again. */
  returned: ({ status, profile }, { incarnation }) =>
    accept<WorkerEvent>(
      (status === 'registered' || status === 'lost') && incarnation === profile.incarnation
        ? [{ type: 'WorkerReturned', data: { incarnation } }]
        : [],
    ),
} satisfies Record<string, Verb<WorkerState, WorkerEvent>>;

export const worker: Behavior<WorkerState, WorkerEvent> = {
  type: 'worker',
  ids: { prefix: 'wk' },
  version: 1,
  events: { WorkerRegistered: 1, WorkerDraining: 1, WorkerLost: 1, WorkerReturned: 1, WorkerStopped: 1 },
  decide(state, verb, body, context) {
    if (verb !== 'register') {
      // Heard before it has registered: that comes.
      if (verb === 'returned' && !state) return accept<WorkerEvent>([]);
      return decideBy('worker', verbs, state, verb, body, context);
    }
    const profile = readProfile(body);
    if (typeof profile === 'string') return refuse('rejected', 'invalid_input', profile);
    // One that drains goes on draining: only its next life may begin anew.
    const isKnown = state !== undefined && isThere(state);
    return isKnown && state.profile.incarnation === profile.incarnation
      ? repeat()
      : accept<WorkerEvent>([{ type: 'WorkerRegistered', data: profile }]);
  },
  evolve(state, event) {
    switch (event.type) {
      case 'WorkerRegistered':
        return { profile: event.data, status: 'registered' };
      case 'WorkerDraining':
        return { ...(state as WorkerState), status: 'draining' };
      case 'WorkerLost':
        return { ...(state as WorkerState), status: 'lost' };
      case 'WorkerReturned':
        return { ...(state as WorkerState), status: 'active' };
      case 'WorkerStopped':
        return { ...(state as WorkerState), status: 'gone' };
    }
  },
  presence: (state) => (isThere(state) ? state.profile.incarnation : undefined),
  retiring: ({ status }) => status === 'draining',
  idle: (state) => !isThere(state),
};
