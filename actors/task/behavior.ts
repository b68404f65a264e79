import type { Behavior } from '../../kernel/behavior.ts';
import { decideBy } from '../command.ts';
import type { GoalState } from '../goal/state.ts';
import { askVerbs } from './ask-verbs.ts';
import { courseVerbs } from './course-verbs.ts';
import type { TaskEvent } from './events.ts';
import { evolve } from './evolve.ts';
import { offerVerbs } from './offer-verbs.ts';
import { reportVerbs } from './report-verbs.ts';
import { isEnded, type TaskState } from './state.ts';
import { attempt, timers, work } from './work.ts';

export const verbs = { ...offerVerbs, ...reportVerbs, ...askVerbs, ...courseVerbs };

/**
 * A task (docs/domain.md, "Task"). Created and pending are its goal's to know; from `offer` on the task decides itself:
 *
 *   created · pending ──offer──▶ queued ──claim──▶ running ──complete──▶ completed
 *       ▲         ▲                │ decline: queued again     │ fail, lost, timeout
 *       │         └── retry at ── failed ◀─────────────────────┤ attempts left
 *   reopen (by a redrive)          dead_letter ◀───────────────┘ none left, or not retryable
 *                                     │ redrive: pending          any open state ──cancel──▶ cancelled
 *
 * Each attempt is fenced by its number: whoever speaks of another one is refused (`attempt_fenced`).
 */
export const task: Behavior<TaskState, TaskEvent> = {
  type: 'task',
  ids: { prefix: 'gl', placedAs: 'goal' },
  version: 1,
  events: {
    TaskQueued: 1,
    TaskStarted: 1,
    TaskProgressed: 1,
    TaskCompleted: 1,
    TaskAttemptFailed: 1,
    TaskAttemptLost: 1,
    TaskDeadLettered: 1,
    TaskCancelled: 1,
    TaskRedriven: 1,
    TaskReopened: 1,
    TaskSignalled: 1,
  },
  decide: (state, verb, body, context) => decideBy('task', verbs, state, verb, body, context),
  evolve,
  react: (_state, event) =>
    event.type === 'TaskSignalled'
      ? [{ kind: 'signal', name: event.data.name, payload: event.data.payload ?? null }]
      : [],
  timers,
  work,
  attempt,
  idle: isEnded,
  subject: (_state, head) => (head as GoalState).subject,
  personal: {
    TaskProgressed: ['note'],
    TaskCompleted: ['result', 'artifacts', 'messages', 'spawned'],
    TaskAttemptFailed: ['error', 'artifacts'],
    TaskDeadLettered: ['error'],
    TaskCancelled: ['reason'],
    TaskSignalled: ['payload'],
  },
};
