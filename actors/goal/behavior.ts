import type { Behavior } from '../../kernel/behavior.ts';
import { decideBy } from '../command.ts';
import { clientVerbs } from './client-verbs.ts';
import { courseVerbs } from './course-verbs.ts';
import { dependencyVerbs, watch } from './dependency-verbs.ts';
import type { GoalEvent } from './events.ts';
import { evolve } from './evolve.ts';
import { family } from './family.ts';
import { isTerminal, openTasks } from './graph.ts';
import { react } from './react.ts';
import { type GoalState, isEnded } from './state.ts';
import { submit } from './submission.ts';

/** What a goal that exists is asked; `create`, `submit` and `watch` may come before. */
export const verbs = { ...clientVerbs, ...courseVerbs, ...dependencyVerbs };

/**
 * A goal (docs/domain.md, "Goal"), head of the family of its tasks:
 *
 *   submitted → blocked | planning → (awaiting_approval →) active ⇄ paused → completed | failed | cancelled
 *
 * It owns the graph: it folds its tasks' events, lets go what has become ready, and ends when they have. Ending with a failure or
 * on request cancels what is open; a redrive begins the next run.
 */
export const goal: Behavior<GoalState, GoalEvent> = {
  type: 'goal',
  ids: { prefix: 'gl' },
  version: 1,
  events: {
    GoalSubmitted: 1,
    GoalAdmissionDeclined: 1,
    GoalWatched: 1,
    GoalBlocked: 1,
    GoalUnblocked: 1,
    GoalPlanned: 1,
    GoalPlanRejected: 1,
    GoalApprovalRequested: 1,
    GoalApproved: 1,
    GoalRejected: 1,
    GoalApprovalExpired: 1,
    GoalActivated: 1,
    GoalPaused: 1,
    GoalResumed: 1,
    GoalCompleted: 1,
    GoalFailed: 1,
    GoalCancelled: 1,
    GoalReopened: 1,
  },
  decide(state, verb, body, context) {
    if (verb === 'create' || verb === 'submit') return submit(state, verb, body, context);
    if (verb === 'watch') return watch(state, body, context);
    return decideBy('goal', verbs, state, verb, body, context);
  },
  evolve,
  react,
  timers(state) {
    if (isEnded(state)) return [];
    const deadline = { name: 'deadline', at: state.deadline, generation: state.run };
    return state.status === 'awaiting_approval'
      ? [deadline, { name: 'approval', at: state.approvalUntil, generation: state.run }]
      : [deadline];
  },
  idle: (state) =>
    isEnded(state) &&
    (!state.graph || openTasks(state.graph) === 0) &&
    (!state.planning || isTerminal(state.planning.status)),
  subject: ({ subject }) => subject,
  personal: {
    GoalSubmitted: ['text', 'plan', 'labels'],
    GoalPlanned: ['plan'],
    GoalPlanRejected: ['error'],
    GoalApproved: ['reason'],
    GoalRejected: ['reason'],
    GoalPaused: ['reason'],
    GoalResumed: ['reason'],
    GoalFailed: ['error'],
    GoalCancelled: ['reason'],
  },
  family,
};
