import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../kernel/testing/until.ts';
import { AstraUnderTest, type TaskInput } from './astra-under-test.ts';
import { completedGoalFlaws, eventsOf, readGoalLog } from './goal-log.ts';

/** Processes that are killed in the middle of the work: nothing is lost, and nothing is done twice. */
let astra: AstraUnderTest;

beforeAll(async () => {
  astra = await AstraUnderTest.start(['--slots', '16']);
});

afterAll(async () => {
  await astra?.stop();
});

test('a kernel killed three times in the middle of a goal of a thousand tasks is restarted, and the goal completes, each task once', async () => {
  // Ten chains of a hundred, so that there is something to release in order after each crash.
  const tasks = Array.from({ length: 1000 }, (_, n): TaskInput => {
    const dependsOn = n < 10 ? [] : [`t${n - 10}`];
    if (n % 10 === 0) return { key: `t${n}`, type: 'js', dependsOn, input: { code: '(n) => n', args: [n] } };
    return { key: `t${n}`, type: 'sleep', dependsOn, input: { ms: 30 } };
  });
  const goalId = await astra.submit(tasks);
  for (const completed of [50, 350, 650]) {
    await astra.goalWhen(goalId, ({ counts }) => (counts['completed'] ?? 0) >= completed);
    await astra.kill('kernel');
  }
  expect(await astra.goalEnd(goalId)).toMatchObject({ status: 'completed', run: 1, counts: { completed: 1000 } });

  const { databaseUrl } = astra.running;
  const keys = tasks.map(({ key }) => key);
  expect(await completedGoalFlaws(databaseUrl, goalId, keys)).toEqual([]);
  const log = await readGoalLog(databaseUrl, goalId);
  expect([...log.tasks.keys()].sort()).toEqual([...keys].sort());
  for (const { key, dependsOn } of tasks)
    for (const upstream of dependsOn as readonly string[]) {
      const before = eventsOf(log, upstream, 'TaskCompleted')[0];
      expect(before?.seq).toBeLessThan(eventsOf(log, key, 'TaskStarted')[0]?.seq ?? 0);
    }
  // Each life of the kernel had its part of it: the kills were in the middle.
  const epochs = new Set([...log.tasks.values()].flat().map(({ epoch }) => epoch));
  expect(epochs.size).toBeGreaterThanOrEqual(4);
}, 180_000);

test('a worker killed while it runs tasks is restarted, and its tasks run again', async () => {
  const keys = ['one', 'two', 'three', 'four'];
  const input = { code: '(ms) => new Promise((resolve) => setTimeout(resolve, ms, "slept"))', args: [3000] };
  const goalId = await astra.submit(keys.map((key) => ({ key, type: 'js', input })));
  await astra.goalWhen(goalId, ({ counts }) => counts['running'] === keys.length);
  await astra.kill('worker');
  expect(await astra.goalEnd(goalId)).toMatchObject({ status: 'completed', counts: { completed: keys.length } });

  const { databaseUrl } = astra.running;
  expect(await completedGoalFlaws(databaseUrl, goalId, keys)).toEqual([]);
  const log = await readGoalLog(databaseUrl, goalId);
  for (const key of keys) {
    expect(eventsOf(log, key, 'TaskAttemptLost')).toHaveLength(1);
    expect(await astra.task(goalId, key)).toMatchObject({ status: 'completed', attempt: 2, result: 'slept' });
  }
});

test('a gateway killed between two reads is restarted, and knows everything again', async () => {
  const goalId = await astra.submit([{ key: 'only', type: 'noop' }]);
  const goal = await astra.goalEnd(goalId);
  await astra.kill('gateway');
  const again = await until(() => astra.client.get(`/v1/goals/${goalId}`).catch(() => undefined));
  expect(again).toEqual(goal);
});
