import { z } from 'zod';
import type { LatencyView, StatsView } from '../../projections/index.ts';
import { taskCounts } from './goal.ts';
import { agentStatus, count, goalStatus, time, workerStatus } from './values.ts';

const latency: z.ZodType<LatencyView> = z
  .strictObject({ count, p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() })
  .meta({ id: 'Latency', description: 'Milliseconds' });

export const stats: z.ZodType<StatsView> = z
  .strictObject({
    at: time,
    agents: z.record(agentStatus, count),
    goals: z.record(goalStatus, count),
    tasks: taskCounts,
    workers: z.record(workerStatus, count),
    deadLetters: count,
    windowMs: count.meta({ description: 'What rates and latencies look back on' }),
    rates: z
      .strictObject({
        goalsSubmitted: z.number(),
        goalsFinished: z.number(),
        tasksQueued: z.number(),
        tasksFinished: z.number(),
        attemptsFailed: z.number(),
      })
      .meta({ description: 'A second' }),
    latencies: z.strictObject({
      scheduling: latency.meta({ description: 'Task ready → queued' }),
      pickup: latency.meta({ description: 'Task queued → started' }),
      execution: latency.meta({ description: 'Task started → completed' }),
      endToEnd: latency.meta({ description: 'Goal submitted → ended' }),
    }),
    pools: z.array(z.strictObject({ pool: z.string(), pending: count, queued: count, running: count, slots: count })),
    kernels: z.array(
      z.strictObject({ id: z.string(), shards: count, commits: count, events: count, schedulingMs: latency }),
    ),
    projection: z.strictObject({
      behind: count,
      shards: z.array(z.strictObject({ shard: count, behind: count })),
    }),
  })
  .meta({ id: 'Stats' });
