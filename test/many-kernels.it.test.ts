import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roleEnvironment } from '../cli/config.ts';
import { dataPaths } from '../cli/data-directory.ts';
import { loadNatsUsers, roleUser } from '../cli/nats-users.ts';
import { Child } from '../cli/supervisor/child.ts';
import { leaseMs } from '../kernel/bounds.ts';
import type { Log } from '../kernel/log.ts';
import { openPostgresLog } from '../kernel/postgres/index.ts';
import { until } from '../kernel/testing/until.ts';
import { AstraUnderTest, type TaskInput } from './astra-under-test.ts';
import { completedGoalFlaws } from './goal-log.ts';

/** Several kernels on one database: whichever of them is killed, suspended, added or stopped, nothing is lost or done twice. */
let astra: AstraUnderTest;
let log: Log;

beforeAll(async () => {
  astra = await AstraUnderTest.start(['--kernels', '3', '--slots', '16']);
  log = await openPostgresLog(astra.running.databaseUrl, 'test-owners');
});

afterAll(async () => {
  await log?.close();
  await astra?.stop();
});

/** Resolves when so many kernels live, one of them new since `were` did, and every shard is owned by one of them, evenly. */
const evenly = (kernels: number, were?: readonly string[]): Promise<readonly string[]> =>
  until(async () => {
    const living = await log.living(leaseMs);
    if (were && living.every((kernel) => were.includes(kernel))) return false;
    const heads = await log.heads();
    const counts = living.map((kernel) => heads.filter(({ owner }) => owner === kernel).length);
    const owned = counts.reduce((sum, count) => sum + count, 0) === heads.length;
    return living.length === kernels && owned && Math.max(...counts) - Math.min(...counts) <= 1 && living;
  });

const keys = Array.from({ length: 30 }, (_, n) => `t${n}`);
const tasks = keys.map(
  (key, n): TaskInput => ({
    key,
    type: 'sleep',
    dependsOn: n < 6 ? [] : [`t${n - 6}`],
    input: { ms: 50 },
  }),
);
const goals: string[] = [];
/** Four goals more, each in a shard of its own most likely; resolves when they are under way. */
const work = async (): Promise<void> => {
  const more = await Promise.all(Array.from({ length: 4 }, () => astra.submit(tasks)));
  goals.push(...more);
  await Promise.all(more.map((id) => astra.goalWhen(id, ({ counts }) => (counts['completed'] ?? 0) > 0)));
};

test('three kernels, of which one is killed, one suspended, one added and one stopped, complete every task once', async () => {
  const first = await evenly(3);
  await work();
  await astra.kill('kernel-2');
  await work();
  // Who was killed counts as living until its lease ends: three are only the right three with the one that took its place.
  const before = await evenly(3, first);

  const suspended = astra.running.roles['kernel-3'] as number;
  process.kill(suspended, 'SIGSTOP');
  try {
    // Its shards among others: who asks waits until they are taken over, and is not refused.
    await work();
    const owners = await evenly(2);
    expect(owners.filter((owner) => !before.includes(owner))).toEqual([]);
  } finally {
    process.kill(suspended, 'SIGCONT');
  }
  // The same process finds out, and takes part again.
  expect([...(await evenly(3))].sort()).toEqual([...before].sort());
  expect(astra.running.roles['kernel-3']).toBe(suspended);

  await work();
  const { databaseUrl, natsUrl } = astra.running;
  const own = roleUser(loadNatsUsers(dataPaths(astra.dataDir).natsUsers), 'kernel');
  const joining = new Child(
    {
      role: 'kernel',
      name: 'joining',
      environment: roleEnvironment({ databaseUrl, natsUrl, natsUser: own?.user, natsPassword: own?.password }),
      startMs: 60_000,
      stopMs: 12_000,
    },
    fileURLToPath(new URL('../cli/main.ts', import.meta.url)),
    { line: () => {}, say: () => {} },
  );
  try {
    await joining.ready;
    await evenly(4);
    await work();
  } finally {
    expect(await joining.stop()).toBe(true);
  }
  expect(await joining.exited).toMatchObject({ code: 0 });
  await evenly(3);

  for (const goal of goals)
    expect(await astra.goalEnd(goal)).toMatchObject({ status: 'completed', counts: { completed: keys.length } });
  for (const goal of goals) expect(await completedGoalFlaws(databaseUrl, goal, keys)).toEqual([]);
}, 240_000);
