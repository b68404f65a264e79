import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedNats, type EmbeddedPostgres, startNats, startPostgres } from '../cli/embedded/index.ts';
import { until } from '../kernel/testing/until.ts';
import { AstraUnderTest, makePlace, removePlace, type TaskInput } from './astra-under-test.ts';
import { completedGoalFlaws } from './goal-log.ts';

/** PostgreSQL and NATS are somebody else's here: they go, they come back, and NATS may have forgotten everything. */
let place: string;
let postgres: EmbeddedPostgres;
let nats: EmbeddedNats;
let astra: AstraUnderTest;

const startDatabase = (port?: number) =>
  startPostgres({
    dataDir: join(place, 'postgres'),
    orphanGraceMs: 1000,
    ...(port === undefined ? {} : { port }),
  });

const startBus = (port?: number) =>
  startNats({
    dataDir: join(place, 'nats'),
    users: 'anyone',
    maxPayloadBytes: 8 * 1024 * 1024,
    orphanGraceMs: 1000,
    ...(port === undefined ? {} : { port }),
  });

beforeAll(async () => {
  place = makePlace();
  [postgres, nats] = await Promise.all([startDatabase(), startBus()]);
  // Two kernels: one of them makes the streams anew, the other one waits for that.
  astra = await AstraUnderTest.start(['--kernels', '2', '--slots', '8'], {
    DATABASE_URL: postgres.url,
    NATS_URL: nats.url,
  });
});

afterAll(async () => {
  await astra?.stop();
  await Promise.all([postgres?.stop(), nats?.stop()]);
  removePlace(place, join(place, 'postgres'));
});

/** Four chains of tasks that take a moment each. */
const chains = (count: number): readonly TaskInput[] =>
  Array.from({ length: count }, (_, n) => ({
    key: `t${n}`,
    type: 'sleep',
    dependsOn: n < 4 ? [] : [`t${n - 4}`],
    input: { ms: 100 },
  }));

const keysOf = (tasks: readonly TaskInput[]) => tasks.map(({ key }) => key);

/** Submits them, and returns when some have completed and most have not. */
async function inTheMiddle(tasks: readonly TaskInput[]): Promise<string> {
  const goalId = await astra.submit(tasks);
  const { status } = await astra.goalWhen(goalId, ({ counts }) => (counts['completed'] ?? 0) >= tasks.length / 8);
  expect(status).toBe('active');
  return goalId;
}

interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
}

async function readyz(): Promise<Readiness & { readonly status: number }> {
  const response = await astra.client.raw('GET', '/readyz');
  return { status: response.status, ...((await response.json()) as Readiness) };
}

test('without PostgreSQL and NATS reads still answer and /readyz says why it is not ready; with both back all goes on by itself', async () => {
  const tasks = chains(120);
  const goalId = await inTheMiddle(tasks);
  const rolesBefore = astra.running.roles;
  await Promise.all([postgres.stop(), nats.stop()]);

  const { status, checks } = await until(async () => {
    const view = await readyz();
    return ['postgres', 'nats'].every((name) => view.checks.some((check) => check.name === name && !check.ok)) && view;
  });
  expect(status).toBe(503);
  for (const name of ['postgres', 'nats'])
    expect(checks.find((check) => check.name === name)?.reason).toMatch(/PostgreSQL|Postgres|NATS/);
  expect(await astra.client.get(`/v1/goals/${goalId}`)).toMatchObject({ id: goalId, status: 'active' });
  expect(await astra.task(goalId, 't0')).toMatchObject({ status: 'completed' });
  const page = await astra.client.list('/v1/tasks', { goalId, status: 'completed', limit: 5 });
  expect(page.items).toHaveLength(5);
  await expect(astra.submit(chains(1))).rejects.toMatchObject({ kind: 'unavailable', code: 'unavailable' });

  [postgres, nats] = await Promise.all([startDatabase(postgres.port), startBus(nats.port)]);
  await until(async () => (await readyz()).ready);
  const next = chains(8);
  const nextId = await astra.submit(next);
  expect(await astra.goalEnd(nextId)).toMatchObject({ status: 'completed', counts: { completed: 8 } });
  expect(await astra.goalEnd(goalId)).toMatchObject({ status: 'completed', counts: { completed: 120 } });
  expect(await completedGoalFlaws(postgres.url, goalId, keysOf(tasks))).toEqual([]);
  expect(await completedGoalFlaws(postgres.url, nextId, keysOf(next))).toEqual([]);
  expect(astra.running.roles).toEqual(rolesBefore);
}, 120_000);

test('a NATS that forgets everything in the middle of a goal costs the goal nothing', async () => {
  const tasks = chains(120);
  const goalId = await inTheMiddle(tasks);
  await nats.stop();
  rmSync(join(place, 'nats', 'jetstream'), { recursive: true });
  nats = await startBus(nats.port);
  expect(await astra.goalEnd(goalId)).toMatchObject({ status: 'completed', counts: { completed: 120 } });
  expect(await completedGoalFlaws(postgres.url, goalId, keysOf(tasks))).toEqual([]);
}, 120_000);
