import { z } from 'zod';
import { goalInput } from '../../actors/index.ts';
import type { GoalGraphView, GoalView, GoalWaitsFor, TaskCounts } from '../../projections/index.ts';
import { count, goalStatus, json, position, taskError, taskStatus, time } from './values.ts';

export const taskCounts: z.ZodType<TaskCounts> = z.record(taskStatus, count).meta({ id: 'TaskCounts' });

const waitsFor: z.ZodType<GoalWaitsFor> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('goals'), goals: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('plan'), taskId: z.string() }),
  z.strictObject({ kind: z.literal('approval'), until: time }),
  z.strictObject({ kind: z.literal('resume') }),
]);

export const goal: z.ZodType<GoalView> = z
  .strictObject({
    id: z.string(),
    agentId: z.string(),
    status: goalStatus,
    run: count,
    text: z.string().nullable(),
    priority: z.int().min(0).max(9),
    labels: z.record(z.string(), z.string()),
    dependsOn: z.array(z.string()),
    requireApproval: z.boolean(),
    subject: z.string().nullable(),
    counts: taskCounts,
    waitingFor: waitsFor.exactOptional(),
    result: z
      .record(z.string(), json)
      .exactOptional()
      .meta({ description: 'Results of the sink tasks by key; `{ "$task": id }` for those beyond 1 MiB in all' }),
    error: taskError.exactOptional(),
    culprit: z.string().exactOptional().meta({ description: 'The task or goal whose failure ended it' }),
    reason: z.string().exactOptional(),
    failedTasks: z.array(z.string()).exactOptional(),
    deadline: time,
    submittedAt: time,
    startedAt: time.exactOptional(),
    finishedAt: time.exactOptional(),
    position,
  })
  .meta({ id: 'Goal' });

export const goalGraph: z.ZodType<GoalGraphView> = z
  .strictObject({
    tasks: z.array(
      z.strictObject({
        id: z.string(),
        key: z.string(),
        type: z.string(),
        pool: z.string(),
        status: taskStatus,
        attempt: count,
        progress: z.number().exactOptional(),
        startedAt: time.exactOptional(),
        finishedAt: time.exactOptional(),
      }),
    ),
    edges: z.array(z.strictObject({ from: z.string(), to: z.string() })),
  })
  .meta({ id: 'GoalGraph' });

/** What `POST /v1/goals` answers with; a repeat under the same key gets the same. */
export const submittedGoal = z
  .strictObject({ id: z.string(), status: goalStatus, taskIds: z.array(z.string()) })
  .meta({ id: 'SubmittedGoal' });

/** A plan as it may be sent, for the description; `checkPlan` of the domain is what checks it, graph and all. */
const planInput = z
  .strictObject({
    tasks: z
      .array(
        z.strictObject({
          key: z.string().regex(/^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/),
          type: z.string().regex(/^[a-z0-9_-]{1,64}$/),
          input: json.optional().meta({
            description: '`{ "$from": key, "pointer": "/…" }` anywhere in it stands for a result from upstream',
          }),
          dependsOn: z.array(z.string()).optional(),
          pool: z.string().optional(),
          priority: z.int().min(0).max(9).optional(),
          maxAttempts: z.int().min(1).optional(),
          timeoutMs: z.int().min(1).optional(),
          backoff: z.strictObject({ minMs: count.optional(), maxMs: count.optional() }).optional(),
          limits: z
            .strictObject({
              memoryBytes: count.optional(),
              cpus: z.number().optional(),
              pids: count.optional(),
              diskBytes: count.optional(),
              outputBytes: count.optional(),
              network: z.enum(['none', 'allowlist', 'full']).optional(),
            })
            .optional(),
          onFailure: z.enum(['fail_goal', 'continue']).optional(),
        }),
      )
      .min(1)
      .max(10_000),
  })
  .meta({ id: 'Plan' });

/** {@link goalInput} with the plan spelled out. */
export const describedGoalInput = z
  .strictObject({ ...goalInput.shape, plan: planInput.optional() })
  .meta({ id: 'GoalInput', description: 'A text, a plan, or both' });
