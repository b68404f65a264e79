import type { Stamped } from '../../kernel/behavior.ts';
import { micros } from '../../kernel/brand.ts';
import type { TaskEvent } from './events.ts';
import type { TaskState } from './state.ts';

export function evolve(was: TaskState | undefined, event: Stamped<TaskEvent>): TaskState {
  // A task is born of its goal's event: it has a state before its first own one.
  const state = was as TaskState;
  const { at } = event;
  switch (event.type) {
    case 'TaskQueued': {
      const { attempt, offer, readyAt, refusedBy } = event.data;
      const refused = offer === 1 ? [] : state.refusedBy;
      return {
        ...state,
        status: 'queued',
        attempt,
        offer,
        readyAt: micros(readyAt),
        since: at,
        worker: '',
        incarnation: '',
        refusedBy: refusedBy === undefined ? refused : [...refused, refusedBy],
      };
    }
    case 'TaskStarted': {
      const { worker, incarnation } = event.data;
      return { ...state, status: 'running', worker, incarnation, since: at, progressedAt: 0 };
    }
    case 'TaskProgressed':
      return { ...state, progressedAt: at };
    case 'TaskCompleted':
      return { ...state, status: 'completed' };
    case 'TaskAttemptFailed':
    case 'TaskAttemptLost':
      return { ...state, status: 'failed', retryAt: micros(event.data.retryAt ?? at) };
    case 'TaskDeadLettered':
      return { ...state, status: 'dead_letter' };
    case 'TaskCancelled':
      return { ...state, status: 'cancelled' };
    case 'TaskRedriven':
    case 'TaskReopened':
      return { ...state, status: 'created', run: event.data.run, attemptsBefore: state.attempt };
    case 'TaskSignalled':
      return state;
  }
}
