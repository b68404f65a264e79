import type { GoalInput } from '../actors/index.ts';
import { planningTask } from '../actors/index.ts';
import type { Envelope } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { dependencyLookMs, dependencyWaitMs } from './bounds.ts';
import type { Services } from './services.ts';

/**
 * What only the edge can see of a new goal (docs/domain.md, "Goal"): whether somebody plans, and whether the goals it depends on
 * exist. The goal settles both again. A repeat under the same key is not checked: it gets its first answer.
 * Throws `planner_not_configured`, `dependency_unknown`.
 */
export async function checkGoal(input: GoalInput, envelope: Envelope, services: Services): Promise<void> {
  const { org } = envelope.to;
  const { goals, workers } = services.projections.reads;
  if (envelope.keyed !== undefined && goals.get(org, envelope.correlationId).kind !== 'unknown') return;
  if (input.plan === undefined && !workers.serves(org, planningTask.type))
    throw new AstraError(
      'rejected',
      'planner_not_configured',
      `expected a plan, found a text alone and no live worker that offers type ${planningTask.type}: send a plan, or start such a worker`,
      { errors: [{ pointer: '/plan', message: 'expected a plan: nobody here can make one' }] },
    );
  const isUnknown = (id: string) => goals.get(org, id).kind === 'unknown';
  let unknown = input.dependsOn.filter(isUnknown);
  for (let waitedMs = 0; unknown.length > 0 && waitedMs < dependencyWaitMs; waitedMs += dependencyLookMs) {
    await new Promise<void>((resolve) => services.clock.after(dependencyLookMs, resolve));
    unknown = unknown.filter(isUnknown);
  }
  if (unknown.length > 0)
    throw new AstraError('rejected', 'dependency_unknown', `expected goals that exist, found ${unknown.join(', ')}`, {
      errors: unknown.map((id) => ({
        pointer: `/dependsOn/${input.dependsOn.indexOf(id)}`,
        message: `there is no goal ${id}`,
      })),
    });
}
