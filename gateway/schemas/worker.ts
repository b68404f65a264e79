import { z } from 'zod';
import type { WorkerView } from '../../projections/index.ts';
import { count, position, time, workerStatus } from './values.ts';

export const worker: z.ZodType<WorkerView> = z
  .strictObject({
    id: z.string(),
    status: workerStatus,
    pools: z.array(z.string()),
    slots: count,
    types: z.array(z.string()),
    drivers: z.array(z.string()),
    host: z.string(),
    version: z.string(),
    incarnation: z.string(),
    running: count.meta({ description: 'Tasks it holds now' }),
    reason: z.string().exactOptional(),
    registeredAt: time,
    updatedAt: time,
    position,
  })
  .meta({ id: 'Worker' });
