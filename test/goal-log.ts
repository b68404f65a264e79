import { behaviors } from '../actors/index.ts';
import { verifyLog } from '../cli/verify-log.ts';
import { headId } from '../kernel/address.ts';
import { seq } from '../kernel/brand.ts';
import { openEvent } from '../kernel/codec.ts';
import type { EventRecord } from '../kernel/event.ts';
import { openPostgresLog } from '../kernel/postgres/index.ts';
import { Registry } from '../kernel/registry.ts';

/** What PostgreSQL has of one goal, read without anything of the Astra that wrote it. */
export interface GoalLog {
  /** The goal's own events, in order. */
  readonly goal: readonly EventRecord[];
  /** By key: each task's events, in order. */
  readonly tasks: ReadonlyMap<string, readonly EventRecord[]>;
}

export async function readGoalLog(databaseUrl: string, goalId: string): Promise<GoalLog> {
  const shapes = new Registry(behaviors);
  const goal: EventRecord[] = [];
  const tasks = new Map<string, EventRecord[]>();
  const log = await openPostgresLog(databaseUrl, 'test-log');
  try {
    for (const head of await log.heads())
      for await (const page of log.read(head.shard, seq(0), head.seq))
        for (const stored of page) {
          const event = openEvent(stored, shapes);
          const { type, id } = event.actor;
          if (id === goalId) goal.push(event);
          else if (type === 'task' && headId(id) === goalId) {
            const key = id.slice(goalId.length + 1);
            tasks.set(key, [...(tasks.get(key) ?? []), event]);
          }
        }
  } finally {
    await log.close();
  }
  return { goal, tasks };
}

export const dataOf = ({ data }: EventRecord) => data as { readonly [name: string]: unknown };

/** The events of one type in a task's history. */
export const eventsOf = (log: GoalLog, key: string, type: string): readonly EventRecord[] =>
  (log.tasks.get(key) ?? []).filter((event) => event.type === type);

/** What ends an attempt. */
const endings: ReadonlySet<string> = new Set(['TaskCompleted', 'TaskAttemptFailed', 'TaskAttemptLost']);

/** Where a history breaks "one attempt at a time, and one completion": what is wrong, in words. */
function attemptFlaws(key: string, history: readonly EventRecord[]): string[] {
  const flaws: string[] = [];
  let running: unknown;
  let last = 0;
  let completed = 0;
  for (const event of history) {
    const { type, shard, seq } = event;
    const { attempt } = dataOf(event);
    const at = `${key} at ${shard}:${seq}`;
    if (type === 'TaskStarted') {
      if (running !== undefined) flaws.push(`${at}: attempt ${attempt} started while attempt ${running} ran`);
      if (Number(attempt) <= last) flaws.push(`${at}: attempt ${attempt} started after attempt ${last}`);
      running = attempt;
      last = Number(attempt);
    } else if (endings.has(type)) {
      if (attempt !== running) flaws.push(`${at}: ${type} of attempt ${attempt} while ${running ?? 'none'} ran`);
      running = undefined;
      if (type === 'TaskCompleted') completed++;
    }
  }
  if (completed !== 1) flaws.push(`${key}: completed ${completed} times`);
  return flaws;
}

/**
 * What is wrong with the log of a goal that has completed: tasks that did not complete exactly once, attempts that overlap,
 * and breaks in any shard's hash chain (I2, I8, I9).
 */
export async function completedGoalFlaws(databaseUrl: string, goalId: string, keys: readonly string[]) {
  const log = await readGoalLog(databaseUrl, goalId);
  const ends = log.goal.filter(({ type }) => type === 'GoalCompleted').length;
  const { flawed } = await verifyLog(databaseUrl);
  return [
    ...(ends === 1 ? [] : [`the goal completed ${ends} times`]),
    ...keys.flatMap((key) => attemptFlaws(key, log.tasks.get(key) ?? [])),
    ...flawed.map(({ flaw }) => `${flaw?.position}: expected ${flaw?.expected}, found ${flaw?.found}`),
  ];
}
