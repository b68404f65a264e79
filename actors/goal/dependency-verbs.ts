import { accept, type DecideContext, type Decision, redirect } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { goalWatchersMax } from '../bounds.ts';
import { isFields, type Verb } from '../command.ts';
import { goalAt } from './addresses.ts';
import type { GoalEvent } from './events.ts';
import { type GoalState, isEnded } from './state.ts';
import { begin } from './submission.ts';

/** Another goal waits for this one: it is told now, or when this one ends. */
export function watch(state: GoalState | undefined, body: Json, { self }: DecideContext): Decision<GoalEvent> {
  const by = (isFields(body) ? body['by'] : undefined) as string;
  // What a goal depends on exists before it does: it cannot wait for itself.
  if (!state || by === self.id) return redirect(goalAt(self, by), 'dependency', { goalId: self.id, status: 'unknown' });
  return state.watchers.includes(by)
    ? accept<GoalEvent>([])
    : accept<GoalEvent>([{ type: 'GoalWatched', data: { by } }]);
}

/** What a goal says to one that waits for it: how it ended, or that too many wait; undefined while it is open. */
export function standingFor(state: GoalState, by: string): string | undefined {
  if (isEnded(state)) return state.status;
  return state.watchers.includes(by) ? undefined : 'crowded';
}

export const dependencyVerbs = {
  /** A goal it waits for has ended, or never was. */
  dependency(state, { goalId, status }, { now }) {
    if (isEnded(state) || typeof goalId !== 'string' || !state.waitingFor.includes(goalId))
      return accept<GoalEvent>([]);
    const failed = (code: string, message: string): Decision<GoalEvent> =>
      accept<GoalEvent>([{ type: 'GoalFailed', data: { error: { code, message }, culprit: goalId } }]);
    if (status === 'unknown') return failed('dependency_unknown', `expected an existing goal, found no ${goalId}`);
    if (status === 'crowded')
      return failed('dependency_crowded', `expected at most ${goalWatchersMax} goals to wait for ${goalId}`);
    if (status !== 'completed')
      return accept<GoalEvent>([{ type: 'GoalCancelled', data: { code: 'dependency_failed', culprit: goalId } }]);
    const left = state.waitingFor.filter((id) => id !== goalId);
    const unblocked: GoalEvent = { type: 'GoalUnblocked', data: { by: goalId, left } };
    return accept<GoalEvent>(
      left.length === 0 && state.plan ? [unblocked, begin(state.plan, state.requireApproval, now)] : [unblocked],
    );
  },
} satisfies Record<string, Verb<GoalState, GoalEvent>>;
