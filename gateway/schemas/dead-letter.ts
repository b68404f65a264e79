import { z } from 'zod';
import type { DeadLetterView } from '../../projections/index.ts';
import { count, json, position, problem, taskError, time } from './values.ts';

const common = { id: z.string(), count, createdAt: time, position };

export const deadLetter: z.ZodType<DeadLetterView> = z
  .discriminatedUnion('kind', [
    z.strictObject({
      ...common,
      kind: z.literal('task'),
      goalId: z.string(),
      agentId: z.string(),
      type: z.string(),
      pool: z.string(),
      run: count,
      error: taskError,
      payload: json,
    }),
    z.strictObject({
      ...common,
      kind: z.enum(['command', 'publication']),
      origin: z.strictObject({
        source: z.enum(['lane', 'channel', 'local', 'publication']),
        actor: z.string().exactOptional(),
        verb: z.string().exactOptional(),
      }),
      error: problem,
      payload: json,
    }),
  ])
  .meta({
    id: 'DeadLetter',
    description: 'A task without attempts left, or a command or publication that could not be processed',
  });

export const redriven = z
  .strictObject({
    redriven: count,
    remaining: count.meta({ description: 'That match, and were not redriven by this call' }),
  })
  .meta({ id: 'Redriven' });
