import { z } from 'zod';
import type { HeldActorView } from '../../projections/index.ts';
import { count, position, time } from './values.ts';

export const heldStatus = z.enum(['waiting', 'suspended']);
export const heldReason = z.enum(['backoff', 'restarts', 'stop', 'escalate']);

export const heldActor: z.ZodType<HeldActorView> = z
  .strictObject({
    id: z.string().meta({ description: '`sv_…`: what watches over it' }),
    actor: z.strictObject({ type: z.string(), id: z.string() }),
    status: heldStatus.meta({ description: '`waiting` goes on by itself, `suspended` when somebody resumes it' }),
    reason: heldReason,
    code: z.string().meta({ description: 'Of its last failure' }),
    deadLetterId: z.string().meta({ description: 'What could not be done' }),
    until: time.exactOptional(),
    waiting: count.meta({ description: 'Commands that are kept for it' }),
    since: time,
    position,
  })
  .meta({ id: 'HeldActor' });
