import type { Micros } from '../kernel/brand.ts';
import type { AgentFilter, AgentMessageView, AgentView } from './agent-view.ts';
import { type AgentsState, agentByName, agentMessages, getAgent, listAgents } from './agents.ts';
import type { DeadLetterFilter, DeadLetterView } from './dead-letter-view.ts';
import type { EngineStatus } from './engine-status.ts';
import type { GoalFilter, GoalGraphView, GoalView } from './goal-view.ts';
import { getGoal, goalGraph, listGoals } from './goals.ts';
import type { HeldActorFilter, HeldActorView } from './held-actor-view.ts';
import type { Page, PageRequest } from './page.ts';
import { orgStats } from './stats.ts';
import type { KernelView, StatsView } from './stats-view.ts';
import type { TaskFilter, TaskView, TimelineView } from './task-view.ts';
import { getTask, listTasks, taskTimeline } from './tasks.ts';
import type { WorkState } from './work-state.ts';
import type { WorkerFilter, WorkerView } from './worker-view.ts';
import { getWorker, listWorkers, type WorkersState } from './workers.ts';

/**
 * What the edge reads. Every call takes the org first and sees nothing of another (I10); all of them answer from memory
 * at once (I6). Lists throw `rejected` / `invalid_input` for a text that is no cursor.
 */
export interface Reads {
  readonly agents: Resource<AgentView, AgentFilter> & {
    /** The id of the agent that holds this name now (compared without case). */
    idByName(org: string, name: string): string | undefined;
    /** What came into its mailbox, newest first; undefined for an unknown agent. */
    messages(org: string, id: string, page: PageRequest): Page<AgentMessageView> | undefined;
  };
  readonly goals: Resource<GoalView, GoalFilter> & {
    graph(org: string, id: string): Lookup<GoalGraphView>;
  };
  readonly tasks: Resource<TaskView, TaskFilter> & {
    timeline(org: string, id: string): Lookup<TimelineView>;
  };
  readonly workers: Resource<WorkerView, WorkerFilter> & {
    /** Whether a live worker of the pool runs this type (the edge: `planner_not_configured`). Without a pool: of any. */
    serves(org: string, type: string, pool?: string): boolean;
  };
  readonly deadLetters: Resource<DeadLetterView, DeadLetterFilter>;
  /** Actors that have failed and are held back; one that goes on is unknown here. */
  readonly heldActors: Resource<HeldActorView, HeldActorFilter>;
  stats(org: string): StatsView;
}

export interface Resource<View, Filter> {
  get(org: string, id: string): Lookup<View>;
  list(org: string, filter: Filter, page: PageRequest): Page<View>;
}

/**
 * What is known of an id. `etag` is a whole header value, quotes included, the same on every gateway for the same view.
 * `left`: it may have been in memory once; its history route has it (307). `unknown`: it does not exist (404).
 */
export type Lookup<View> =
  | { readonly kind: 'found'; readonly view: View; readonly etag: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'left' };

/** The states behind the reads. */
export interface ReadStates {
  readonly agents: AgentsState;
  readonly work: WorkState;
  readonly workers: WorkersState;
  readonly now: () => Micros;
  readonly status: () => EngineStatus;
  readonly kernels: () => readonly KernelView[];
}

export function readsOf(states: ReadStates): Reads {
  const { agents, work, workers } = states;
  const around = () => ({ workers, now: states.now() });
  const heldBy = (org: string, worker: string): number => work.heldBy(org, worker);
  return {
    agents: {
      get: (org, id) => getAgent(agents, org, id),
      list: (org, filter, page) => listAgents(agents, org, filter, page),
      idByName: (org, name) => agentByName(agents, org, name),
      messages: (org, id, page) => agentMessages(agents, org, id, page),
    },
    goals: {
      get: (org, id) => getGoal(work, org, id),
      list: (org, filter, page) => listGoals(work, org, filter, page),
      graph: (org, id) => goalGraph(work, org, id),
    },
    tasks: {
      get: (org, id) => getTask(work, around(), org, id),
      list: (org, filter, page) => listTasks(work, around(), org, filter, page),
      timeline: (org, id) => taskTimeline(work, org, id),
    },
    workers: {
      get: (org, id) => getWorker(workers, heldBy, org, id),
      list: (org, filter, page) => listWorkers(workers, heldBy, org, filter, page),
      serves: (org, type, pool) => workers.serves(org, type, pool),
    },
    deadLetters: {
      get: (org, id) => work.deadLetters.get(org, id),
      list: (org, filter, page) => work.deadLetters.list(org, filter, page),
    },
    heldActors: {
      get: (org, id) => agents.held.get(org, id),
      list: (org, filter, page) => agents.held.list(org, filter, page),
    },
    stats: (org) => orgStats(states, org, states.now(), states.status(), states.kernels()),
  };
}
