import type { PlannedTask } from '../actors/goal/plan.ts';

/** The task that makes a goal's plan (docs/domain.md, "Goal"): born of GoalSubmitted where that brings none. */
export const planning: PlannedTask = {
  key: '_plan',
  type: 'plan',
  input: null,
  dependsOn: [],
  pool: 'default',
  priority: 5,
  maxAttempts: 3,
  timeoutMs: 300_000,
  backoff: { minMs: 500, maxMs: 60_000 },
  limits: {},
  onFailure: 'fail_goal',
};

/** What a goal that was reopened may take. */
export const goalDeadlineDefaultMs = 7 * 24 * 3_600_000;
