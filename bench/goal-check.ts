import { behaviors } from '../actors/index.ts';
import { headId } from '../kernel/address.ts';
import { type Micros, positionOf, seq } from '../kernel/brand.ts';
import { openEvent } from '../kernel/codec.ts';
import { openPostgresLog, verifyShard } from '../kernel/postgres/index.ts';
import { Registry } from '../kernel/registry.ts';
import { dependenciesOf, tasksPerGoal } from './goal-plan.ts';

/** What the log says of the goals of {@link ./goal-plan.ts}, read from Postgres alone. */
export interface GoalCheck {
  readonly events: number;
  /** Goals that have completed, and their tasks. */
  readonly goals: number;
  readonly completedTasks: number;
  /** Submitted and not completed. */
  readonly openGoals: number;
  /** Tasks that completed more than once. */
  readonly doubled: number;
  readonly flaws: number;
  readonly first: string | undefined;
  /** What each shard dispatched, and when it had something to dispatch. */
  readonly dispatches: readonly ShardDispatches[];
}

/** What one shard dispatched, by its log. */
export interface ShardDispatches {
  /** When it offered attempts, in order. */
  readonly offersAt: readonly Micros[];
  /** From a goal's submission to the last offer of one of its tasks: it had work meanwhile. */
  readonly work: readonly { readonly from: Micros; readonly to: Micros }[];
}

interface Progress {
  /** The attempt that holds it; undefined when none does. */
  running: number | undefined;
  last: number;
  completed: boolean;
}

/**
 * Reads every shard: the chain is whole (I9), each task completed once, after what it depends on, with one attempt at a time (I8),
 * and each goal that was submitted has completed.
 */
export async function checkGoals(url: string): Promise<GoalCheck> {
  const log = await openPostgresLog(url, 'bench-check');
  const shapes = new Registry(behaviors);
  let events = 0;
  let goals = 0;
  let submitted = 0;
  let completedTasks = 0;
  let doubled = 0;
  let flaws = 0;
  let first: string | undefined;
  const dispatches: ShardDispatches[] = [];
  const flaw = (text: string): void => {
    flaws++;
    first ??= text;
  };
  try {
    const { databaseId } = await log.meta();
    for (const head of await log.heads()) {
      const verified = await verifyShard(log, databaseId, head.shard, head);
      if (verified.flaw)
        flaw(`${verified.flaw.position}: expected ${verified.flaw.expected}, found ${verified.flaw.found}`);
      const offersAt: Micros[] = [];
      const work = new Map<string, { readonly from: Micros; to: Micros }>();
      const tasks = new Map<string, Map<string, Progress>>();
      for await (const page of log.read(head.shard, seq(0), head.seq))
        for (const stored of page) {
          events++;
          const { type } = stored;
          if (type === 'GoalSubmitted') {
            submitted++;
            work.set(stored.actorKey.toString('hex'), { from: stored.at, to: stored.at });
          }
          if (type === 'GoalCompleted') {
            goals++;
            const event = openEvent(stored, shapes);
            const done = [...(tasks.get(event.actor.id)?.values() ?? [])].filter(({ completed }) => completed).length;
            if (done !== tasksPerGoal) flaw(`${positionOf(stored.shard, stored.seq)}: completed with ${done} tasks`);
            tasks.delete(event.actor.id);
            continue;
          }
          if (stored.actorType !== 'task') continue;
          if (type === 'TaskQueued') {
            offersAt.push(stored.at);
            const goal = work.get(stored.actorKey.toString('hex', 0, 16));
            if (goal) goal.to = stored.at;
            continue;
          }
          const event = openEvent(stored, shapes);
          const goal = headId(event.actor.id);
          const key = event.actor.id.slice(goal.length + 1);
          const of = tasks.get(goal) ?? new Map<string, Progress>();
          tasks.set(goal, of);
          const task = of.get(key) ?? { running: undefined, last: 0, completed: false };
          of.set(key, task);
          const { attempt } = event.data as { readonly attempt: number };
          const at = `${positionOf(stored.shard, stored.seq)}: ${type} of ${key}`;
          if (type === 'TaskStarted') {
            if (task.running !== undefined) flaw(`${at}: attempt ${attempt} while attempt ${task.running} ran`);
            if (attempt <= task.last) flaw(`${at}: attempt ${attempt} after attempt ${task.last}`);
            const open = dependenciesOf(key).filter((needed) => of.get(needed)?.completed !== true);
            if (open.length > 0) flaw(`${at}: before ${open.join(', ')} had completed`);
            task.running = attempt;
            task.last = attempt;
          } else if (type === 'TaskCompleted') {
            completedTasks++;
            if (task.completed) {
              doubled++;
              flaw(`${at}: a second time`);
            }
            if (task.running !== attempt) flaw(`${at}: attempt ${attempt} while ${task.running ?? 'none'} ran`);
            task.completed = true;
            task.running = undefined;
          } else if (type === 'TaskAttemptLost' || type === 'TaskAttemptFailed') task.running = undefined;
        }
      dispatches.push({ offersAt, work: [...work.values()] });
    }
  } finally {
    await log.close();
  }
  return { events, goals, completedTasks, openGoals: submitted - goals, doubled, flaws, first, dispatches };
}
