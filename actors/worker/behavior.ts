import { accept, type Behavior, refuse, repeat } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { workerPoolsMax, workerSlotsMax, workerTypesMax } from '../bounds.ts';
import type { WorkerEvent, WorkerProfile, WorkerStatus } from './events.ts';

/**
 * A worker (domain.md, "Worker"): registered and active → draining → gone, or lost ⇄ active. Heartbeats are heard by the
 * kernel; only transitions are facts.
 */
export interface WorkerState {
  readonly profile: WorkerProfile;
  readonly status: Exclude<WorkerStatus, 'registered'>;
}

type Fields = { readonly [key: string]: Json | undefined };

export const worker: Behavior<WorkerState, WorkerEvent> = {
  type: 'worker',
  ids: { prefix: 'wk' },
  version: 1,
  events: { WorkerRegistered: 1, WorkerDraining: 1, WorkerLost: 1, WorkerReturned: 1, WorkerStopped: 1 },
  decide(state, verb, body, { self }) {
    const { incarnation, reason, profile } = (body ?? {}) as Fields;
    const why = typeof reason === 'string' ? { reason } : null;
    if (verb === 'register') {
      const fault = profileFault(profile);
      if (fault !== undefined) return refuse('rejected', 'invalid_input', fault);
      const wanted = profile as unknown as WorkerProfile;
      if (state?.status === 'active' && state.profile.incarnation === wanted.incarnation) return repeat();
      return accept<WorkerEvent>([{ type: 'WorkerRegistered', data: wanted }]);
    }
    if (!state)
      return verb === 'returned'
        ? accept<WorkerEvent>([])
        : refuse('rejected', 'not_found', `there is no worker ${self.id}`);
    const current = state.profile.incarnation;
    switch (verb) {
      case 'drain':
        return state.status === 'active'
          ? accept<WorkerEvent>([{ type: 'WorkerDraining', data: { ...why } }])
          : refuse('conflict', 'invalid_transition', `expected an active worker, found one that is ${state.status}`);
      case 'stop':
        return accept<WorkerEvent>(
          state.status === 'gone' || (incarnation !== undefined && incarnation !== current)
            ? []
            : [{ type: 'WorkerStopped', data: { incarnation: current, ...why } }],
        );
      case 'lost':
        return accept<WorkerEvent>(
          incarnation === current && (state.status === 'active' || state.status === 'draining')
            ? [
                {
                  type: 'WorkerLost',
                  data: { incarnation: current, reason: typeof reason === 'string' ? reason : 'worker_silent' },
                },
              ]
            : [],
        );
      case 'returned':
        return accept<WorkerEvent>(
          incarnation === current && state.status === 'lost'
            ? [{ type: 'WorkerReturned', data: { incarnation: current } }]
            : [],
        );
      default:
        return refuse('rejected', 'invalid_input', `a worker does not know the command ${verb}`);
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'WorkerRegistered':
        return { profile: event.data, status: 'active' };
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
  presence: ({ status, profile }) => (status === 'active' || status === 'draining' ? profile.incarnation : undefined),
  idle: ({ status }) => status === 'gone' || status === 'lost',
};

const areNames = (value: Json | undefined, max: number): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= max &&
  value.every((one) => typeof one === 'string' && /^[a-z0-9_-]{1,64}$/.test(one));

function profileFault(value: Json | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'expected { profile: { pools, slots, types, drivers, host, version, incarnation } }';
  const { pools, slots, types, incarnation } = value as Fields;
  if (!areNames(pools, workerPoolsMax)) return `expected 1 to ${workerPoolsMax} pools of a-z, 0-9, _ and -`;
  if (!areNames(types, workerTypesMax)) return `expected 1 to ${workerTypesMax} task types of a-z, 0-9, _ and -`;
  if (!Number.isInteger(slots) || (slots as number) < 1 || (slots as number) > workerSlotsMax)
    return `expected 1 to ${workerSlotsMax} slots`;
  if (typeof incarnation !== 'string' || incarnation === '') return 'expected an incarnation';
  return undefined;
}
