import { z } from 'zod';
import type { Artifact, TaskError } from '../../actors/index.ts';
import type { Json } from '../../kernel/envelope.ts';
import { errorKinds, type Problem } from '../../kernel/errors.ts';
import type { Page } from '../../projections/index.ts';
import type { ProblemDocument } from '../problems.ts';

/** What several resources hold. */

export const json = z.unknown().meta({ id: 'Json', description: 'Any JSON value' }) as unknown as z.ZodType<Json>;
export const time = z.string().meta({ format: 'date-time', description: 'RFC 3339 with milliseconds, UTC' });
export const position = z
  .string()
  .regex(/^\d+:\d+$/)
  .meta({ description: '`<shard>:<seq>` of an event' });
export const count = z.int().min(0);

export const taskStatus = z
  .enum(['created', 'pending', 'queued', 'running', 'failed', 'completed', 'dead_letter', 'cancelled'])
  .meta({ id: 'TaskStatus' });

export const goalStatus = z
  .enum([
    'submitted',
    'blocked',
    'planning',
    'awaiting_approval',
    'active',
    'paused',
    'completed',
    'failed',
    'cancelled',
  ])
  .meta({ id: 'GoalStatus' });

export const agentStatus = z.enum(['active', 'paused', 'draining', 'stopped', 'failed']).meta({ id: 'AgentStatus' });

export const workerStatus = z.enum(['registered', 'active', 'draining', 'gone', 'lost']).meta({ id: 'WorkerStatus' });

export const taskError: z.ZodType<TaskError> = z
  .strictObject({
    code: z.string().meta({ description: 'Stable, snake_case' }),
    message: z.string(),
    retryable: z.boolean().exactOptional(),
    details: json.exactOptional(),
  })
  .meta({ id: 'TaskError' });

export const artifact: z.ZodType<Artifact> = z
  .strictObject({
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    size: count,
    mediaType: z.string(),
    name: z.string(),
  })
  .meta({ id: 'Artifact', description: 'A file that an attempt left: its bytes are at `/v1/artifacts/{sha256}`' });

const fault = z.strictObject({
  pointer: z.string().meta({ description: 'RFC 6901, into the body; a query parameter as `/name`' }),
  message: z.string(),
});

/** An operating error as data. */
export const problem: z.ZodType<Problem> = z
  .strictObject({
    code: z.string(),
    kind: z.enum(errorKinds),
    detail: z.string(),
    errors: z.array(fault).exactOptional(),
    retryAfterMs: z.number().exactOptional(),
  })
  .meta({ id: 'OperatingError' });

export const problemDocumentSchema: z.ZodType<ProblemDocument> = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable, snake_case' }),
    errors: z.array(fault).exactOptional(),
    retryAfterMs: z.number().exactOptional().meta({ description: 'Present where repeating helps' }),
    requestId: z.string().meta({ description: 'Names this request in the log of the gateway' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

/** What a command that was carried out answers with. */
export const done = z.looseObject({ id: z.string() }).meta({ id: 'Done', description: 'Who carried it out' });

/** A page of a list. */
export const pageOf = <T>(item: z.ZodType<T>, name: string): z.ZodType<Page<T>> =>
  z
    .strictObject({
      items: z.array(item),
      nextCursor: z.string().nullable().meta({ description: 'Where the list goes on; null at its end' }),
    })
    .meta({ id: name });
