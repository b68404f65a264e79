import type { AgentStatus } from '../actors/agent/events.ts';
import type { GoalStatus } from '../actors/goal/events.ts';
import type { WorkerStatus } from '../actors/worker/events.ts';
import { type Micros, toIso } from '../kernel/brand.ts';
import type { AgentsState } from './agents.ts';
import { statsSlotMs, statsSlots } from './bounds.ts';
import type { EngineStatus } from './engine-status.ts';
import { goalStatuses } from './goal-row.ts';
import { countsView } from './goals.ts';
import type { KernelView, PoolView, StatsView } from './stats-view.ts';
import { taskStatuses } from './task-row.ts';
import type { WorkState } from './work-state.ts';
import type { WorkersState } from './workers.ts';

const agentStatuses: readonly AgentStatus[] = ['active', 'paused', 'draining', 'stopped', 'failed'];
const workerStatuses: readonly WorkerStatus[] = ['registered', 'active', 'draining', 'gone', 'lost'];

/** An org's figures, put together from what the read models count anyway. */
export function orgStats(
  { agents, work, workers }: { agents: AgentsState; work: WorkState; workers: WorkersState },
  org: string,
  now: Micros,
  engine: EngineStatus,
  kernels: readonly KernelView[],
): StatsView {
  const goals = goalStatuses.map(() => 0);
  const tasks = taskStatuses.map(() => 0);
  for (const totals of work.totalsOf(org)) {
    totals.goals.forEach((count, i) => {
      goals[i] = (goals[i] as number) + count;
    });
    totals.tasks.forEach((count, i) => {
      tasks[i] = (tasks[i] as number) + count;
    });
  }
  const activity = work.activity(org);
  return {
    at: toIso(now),
    agents: byStatus(agentStatuses, (status) => agents.table.count(org, 'status', status)),
    goals: byStatus<GoalStatus>(goalStatuses, (_, i) => goals[i] as number),
    tasks: countsView(tasks),
    workers: byStatus(workerStatuses, (status) => workers.table.count(org, 'status', status)),
    deadLetters: work.deadLetters.countOf(org),
    windowMs: statsSlotMs * statsSlots,
    rates: {
      goalsSubmitted: activity.rate('goalsSubmitted', now),
      goalsFinished: activity.rate('goalsFinished', now),
      tasksQueued: activity.rate('tasksQueued', now),
      tasksFinished: activity.rate('tasksFinished', now),
      attemptsFailed: activity.rate('attemptsFailed', now),
    },
    latencies: {
      scheduling: activity.latency('scheduling', now),
      pickup: activity.latency('pickup', now),
      execution: activity.latency('execution', now),
      endToEnd: activity.latency('endToEnd', now),
    },
    pools: pools(work, workers, org),
    kernels,
    projection: {
      behind: engine.behind,
      shards: engine.shards
        .filter(({ head, applied }) => head > applied)
        .map(({ shard, head, applied }) => ({ shard, behind: head - applied })),
    },
  };
}

const byStatus = <S extends string>(statuses: readonly S[], count: (status: S, i: number) => number) =>
  Object.fromEntries(statuses.map((status, i) => [status, count(status, i)])) as { readonly [status in S]: number };

function pools(work: WorkState, workers: WorkersState, org: string): readonly PoolView[] {
  const slots = workers.slots(org);
  const views = new Map<string, PoolView>();
  for (const [pool, count] of slots) views.set(pool, { pool, pending: 0, queued: 0, running: 0, slots: count });
  for (const { pool, pending, queued, running } of work.poolsOf(org))
    views.set(pool, { pool, pending, queued, running, slots: slots.get(pool) ?? 0 });
  return [...views.values()].sort((a, b) => (a.pool < b.pool ? -1 : 1));
}
