import { z } from 'zod';
import type { TaskView, TaskWaitsFor, TimelineEntryView, TimelineView } from '../../projections/index.ts';
import { artifact, count, json, position, taskError, taskStatus, time } from './values.ts';

const waitsFor: z.ZodType<TaskWaitsFor> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('dependencies'), tasks: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('slot'), pool: z.string() }),
  z.strictObject({ kind: z.literal('worker'), pool: z.string(), type: z.string() }),
  z.strictObject({ kind: z.literal('backoff'), until: time }),
  z.strictObject({ kind: z.literal('approval') }),
  z.strictObject({ kind: z.literal('resume') }),
]);

export const task: z.ZodType<TaskView> = z
  .strictObject({
    id: z.string(),
    goalId: z.string(),
    agentId: z.string(),
    key: z.string(),
    type: z.string(),
    pool: z.string(),
    priority: z.int().min(0).max(9),
    status: taskStatus,
    run: count,
    attempt: count,
    maxAttempts: count,
    timeoutMs: count,
    dependsOn: z.array(z.string()),
    workerId: z.string().exactOptional(),
    waitingFor: waitsFor.exactOptional(),
    input: json.meta({ description: 'As planned: references to other results are not filled in' }),
    progress: z
      .strictObject({ fraction: z.number().exactOptional(), note: z.string().exactOptional() })
      .exactOptional(),
    result: json.exactOptional(),
    error: taskError.exactOptional(),
    culprit: z.string().exactOptional().meta({ description: 'The task or goal whose failure had it cancelled' }),
    artifacts: z.array(artifact),
    createdAt: time,
    readyAt: time.exactOptional(),
    queuedAt: time.exactOptional(),
    startedAt: time.exactOptional(),
    finishedAt: time.exactOptional(),
    position,
  })
  .meta({ id: 'Task' });

const transition: z.ZodType<TimelineEntryView> = z.strictObject({
  at: time,
  type: z.enum([
    'TaskCreated',
    'TaskReady',
    'TaskQueued',
    'TaskStarted',
    'TaskProgressed',
    'TaskCompleted',
    'TaskAttemptFailed',
    'TaskAttemptLost',
    'TaskDeadLettered',
    'TaskCancelled',
    'TaskRedriven',
    'TaskReopened',
    'TaskSignalled',
  ]),
  status: taskStatus,
  attempt: count.exactOptional(),
  workerId: z.string().exactOptional(),
  position,
  traceId: z.string().exactOptional(),
});

export const timeline: z.ZodType<TimelineView> = z
  .strictObject({
    items: z.array(transition).meta({ description: 'Oldest first' }),
    truncated: z.boolean().meta({ description: 'Older transitions have left memory: history has them' }),
  })
  .meta({ id: 'Timeline' });

/** A piece of what a task wrote. */
export const outputPiece = z
  .strictObject({
    attempt: count,
    n: count
      .exactOptional()
      .meta({ description: 'Counts the pieces of an attempt; absent where they were put together' }),
    stream: z.enum(['stdout', 'stderr']),
    at: time.exactOptional(),
    text: z.string(),
  })
  .meta({ id: 'OutputPiece' });

export type OutputPiece = z.infer<typeof outputPiece>;

export const taskOutput = z
  .strictObject({
    items: z.array(outputPiece).meta({ description: 'Oldest first' }),
    truncated: z
      .boolean()
      .meta({ description: 'There was more than one answer holds: the artifact `log` has all of it' }),
  })
  .meta({ id: 'TaskOutput' });
