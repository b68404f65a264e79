import { backoffMaxDefaultMs, backoffMinDefaultMs, maxAttemptsDefault, timeoutDefaultMs } from '../bounds.ts';
import type { PlannedTask } from './plan.ts';

/** Planning is itself a task: born of GoalSubmitted when there is no plan; its result is the plan. Not counted in a goal's `counts`. */
export const planningTask: PlannedTask = {
  key: '_plan',
  type: 'plan',
  input: {},
  dependsOn: [],
  pool: 'default',
  priority: 5,
  maxAttempts: maxAttemptsDefault,
  timeoutMs: timeoutDefaultMs,
  backoff: { minMs: backoffMinDefaultMs, maxMs: backoffMaxDefaultMs },
  limits: {},
  onFailure: 'fail_goal',
};
