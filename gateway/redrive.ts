import { type RequestContext, redriveDeadLetter, redriveTask } from '../actors/index.ts';
import type { Envelope } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import type { DeadLetterFilter, Reads } from '../projections/index.ts';
import { limitMax, redriveCountedMax, redriveInFlightMax, redriveMax } from './bounds.ts';
import type { Commands } from './commands.ts';

/** The command that redrives a dead letter: a task's has the task's id. */
export const redriveOf = (id: string, context: RequestContext): Envelope =>
  id.includes('.') ? redriveTask(id, context) : redriveDeadLetter(id, context);

export interface Redriven {
  readonly redriven: number;
  readonly remaining: number;
  /** Of the last one. */
  readonly position: string | undefined;
}

/**
 * Redrives what matches, newest first, at most {@link redriveMax}; the dead letters of one goal one behind the other. Those
 * whose state does not allow it (any more) remain. Throws when not one could be sent.
 */
export async function redriveMatching(
  reads: Reads['deadLetters'],
  filter: DeadLetterFilter,
  context: RequestContext,
  commands: Commands,
): Promise<Redriven> {
  const { groups, taken, matching } = matchingGroups(reads, filter, context.org);
  let redriven = 0;
  let position: string | undefined;
  let failure: unknown;
  const one = async (): Promise<void> => {
    for (let group = groups.pop(); group && failure === undefined; group = groups.pop())
      for (const id of group) {
        try {
          const accepted = await commands.send(redriveOf(id, { ...context, route: `${context.route} ${id}` }));
          redriven++;
          position = accepted.position;
        } catch (error) {
          if (!(error instanceof AstraError) || (error.kind !== 'conflict' && error.kind !== 'rejected'))
            failure ??= error;
        }
        if (failure !== undefined) return;
      }
  };
  await Promise.all(Array.from({ length: Math.min(redriveInFlightMax, taken) }, one));
  if (failure !== undefined && redriven === 0) throw failure;
  return { redriven, remaining: matching - redriven, position };
}

/** The ids to redrive, those of one goal together, and how many match in all. */
function matchingGroups(reads: Reads['deadLetters'], filter: DeadLetterFilter, org: string) {
  const byGoal = new Map<string, string[]>();
  let taken = 0;
  let matching = 0;
  let cursor: string | undefined;
  do {
    const page = reads.list(org, filter, { limit: limitMax, cursor });
    for (const item of page.items) {
      matching++;
      if (taken === redriveMax) continue;
      taken++;
      const group = item.kind === 'task' ? item.goalId : item.id;
      const ids = byGoal.get(group);
      if (ids) ids.push(item.id);
      else byGoal.set(group, [item.id]);
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && matching < redriveCountedMax);
  return { groups: [...byGoal.values()], taken, matching };
}
