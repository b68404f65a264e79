import { z } from 'zod';

export const health = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });

export const readiness = z
  .strictObject({
    ready: z.boolean(),
    checks: z.array(
      z.strictObject({
        name: z.string(),
        ok: z.boolean(),
        reason: z.string().exactOptional().meta({ description: 'What is wrong' }),
      }),
    ),
  })
  .meta({ id: 'Readiness' });
