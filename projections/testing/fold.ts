import type { Micros } from '../../kernel/brand.ts';
import { type KeyLookup, openEvent } from '../../kernel/codec.ts';
import type { StoredEvent } from '../../kernel/event.ts';
import { agents } from '../agents.ts';
import { RunningProjection } from '../projection.ts';
import { type Reads, readsOf } from '../reads.ts';
import { work } from '../work.ts';
import { type WorkBounds, workBounds } from '../work-state.ts';
import { workers } from '../workers.ts';
import { shapes } from './story.ts';

/** The read models without an engine: the pure fold. */
export class StraightFold {
  readonly #projections;
  readonly reads: Reads;
  now = 0;

  constructor(bounds: Partial<WorkBounds> = {}) {
    const ofAgents = new RunningProjection(agents);
    const ofWork = new RunningProjection(work({ ...workBounds, ...bounds }));
    const ofWorkers = new RunningProjection(workers);
    this.#projections = [ofAgents, ofWork, ofWorkers];
    this.reads = readsOf({
      agents: ofAgents.state,
      work: ofWork.state,
      workers: ofWorkers.state,
      now: () => this.now as Micros,
      status: () => ({ level: true, scanned: 1, applied: 0, behind: 0, connected: true, shards: [] }),
      kernels: () => [],
    });
  }

  apply(events: readonly StoredEvent[], keys?: KeyLookup): this {
    for (const stored of events) {
      const record = openEvent(stored, shapes, keys);
      for (const projection of this.#projections) projection.apply(record, stored.body.length);
    }
    return this;
  }
}

/** Everything that reads of an org show. */
export function shown(reads: Reads, org: string): unknown {
  const page = { limit: 1_000_000 };
  const goals = reads.goals.list(org, {}, page);
  const tasks = reads.tasks.list(org, {}, page);
  const { goals: goalCounts, tasks: taskCounts, workers, pools, deadLetters } = reads.stats(org);
  return {
    agents: reads.agents.list(org, {}, page),
    messages: reads.agents.list(org, {}, page).items.map(({ id }) => reads.agents.messages(org, id, page)),
    goals,
    graphs: goals.items.map(({ id }) => reads.goals.graph(org, id)),
    tasks,
    timelines: tasks.items.map(({ id }) => reads.tasks.timeline(org, id)),
    workers: reads.workers.list(org, {}, page),
    deadLetters: reads.deadLetters.list(org, {}, page),
    heldActors: reads.heldActors.list(org, {}, page),
    counts: {
      goalCounts,
      taskCounts,
      workers,
      deadLetters,
      pools: pools.filter((pool) => pool.pending + pool.queued + pool.running > 0),
    },
  };
}
