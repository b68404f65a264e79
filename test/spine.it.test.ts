import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from '../cli/client.ts';
import { AstraUnderTest, type TaskInput } from './astra-under-test.ts';
import { completedGoalFlaws, dataOf, eventsOf, readGoalLog } from './goal-log.ts';

/** The main job over HTTP, on real processes: a goal goes in, work comes out, and the log in PostgreSQL agrees. */
let astra: AstraUnderTest;

beforeAll(async () => {
  astra = await AstraUnderTest.start(['--allow-driver', 'thread,process']);
});

afterAll(async () => {
  await astra?.stop();
});

const js = (key: string, code: string, from: readonly string[] = []): TaskInput => ({
  key,
  type: 'js',
  dependsOn: from,
  input: { code, args: from.map((upstream) => ({ $from: upstream })) },
});

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

test('a goal of ten tasks completes: each runs after what it depends on, and shows its state, times and result', async () => {
  const squares = Array.from({ length: 8 }, (_, n) => js(`square-${n}`, `(list) => list[${n}] ** 2`, ['numbers']));
  const keys = squares.map(({ key }) => key);
  const goalId = await astra.submit([
    js('numbers', '() => [1, 2, 3, 4, 5, 6, 7, 8]'),
    ...squares,
    js('sum', '(...all) => all.reduce((a, b) => a + b)', keys),
  ]);
  expect(await astra.goalEnd(goalId)).toMatchObject({
    status: 'completed',
    run: 1,
    counts: { completed: 10 },
    result: { sum: 204 },
    submittedAt: time,
    startedAt: time,
    finishedAt: time,
  });
  expect(await astra.task(goalId, 'square-4')).toMatchObject({
    goalId,
    status: 'completed',
    attempt: 1,
    result: 25,
    createdAt: time,
    readyAt: time,
    queuedAt: time,
    startedAt: time,
    finishedAt: time,
  });

  const { databaseUrl } = astra.running;
  expect(await completedGoalFlaws(databaseUrl, goalId, ['numbers', ...keys, 'sum'])).toEqual([]);
  const log = await readGoalLog(databaseUrl, goalId);
  const seqOf = (key: string, type: string) => eventsOf(log, key, type)[0]?.seq ?? Number.NaN;
  for (const key of keys) {
    expect(seqOf('numbers', 'TaskCompleted')).toBeLessThan(seqOf(key, 'TaskStarted'));
    expect(seqOf(key, 'TaskCompleted')).toBeLessThan(seqOf('sum', 'TaskStarted'));
  }
});

test('the same request under the same key, fifty at once, makes one goal', async () => {
  const label = { case: 'fifty' };
  const request = { agentId: astra.agentId, labels: label, plan: { tasks: [{ key: 'only', type: 'noop' }] } };
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => astra.client.post('/v1/goals', request, 'fifty-at-once')),
  );
  const [first] = answers;
  for (const { status, body } of answers) {
    expect(status).toBe(201);
    expect(body).toEqual(first?.body);
  }
  await astra.goalEnd(String(first?.body['id']));
  const { items } = await astra.client.list('/v1/goals', { label: 'case:fifty' });
  expect(items.map(({ id }) => id)).toEqual([first?.body['id']]);
});

test('of two agents of one name posted at once, one is made and the other is told the name is taken', async () => {
  const posts = ['Twin', 'tWIN'].map((name) => astra.client.post('/v1/agents', { name }));
  const settled = await Promise.allSettled(posts);
  const made = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  expect(made).toHaveLength(1);
  expect(refused).toEqual([expect.objectContaining({ kind: 'conflict', code: 'agent_name_taken' })]);
  const { body } = await astra.client.request('GET', '/v1/agents', {
    query: { name: 'twin' },
    after: made[0]?.position,
  });
  expect((body as unknown as Page).items.map(({ id }) => id)).toEqual([made[0]?.body['id']]);
});

test('a plan with a cycle is refused with the cycle printed, and makes nothing', async () => {
  const task = (key: string, dependsOn: readonly string[]) => ({ key, type: 'noop', dependsOn });
  const tasks = [task('a', ['c']), task('b', ['a']), task('c', ['b']), task('d', ['c'])];
  const request = { agentId: astra.agentId, labels: { case: 'cycle' }, plan: { tasks } };
  await expect(astra.client.post('/v1/goals', request)).rejects.toMatchObject({
    code: 'plan_invalid',
    errors: [expect.objectContaining({ message: expect.stringMatching(/a → b → c → a|b → c → a → b|c → a → b → c/) })],
  });
  expect((await astra.client.list('/v1/goals', { label: 'case:cycle' })).items).toEqual([]);
});

test('a failing task is retried with back-off and dead-letters, its downstream is cancelled naming it, and a redrive completes the goal', async () => {
  const door = join(astra.dataDir, 'door');
  const goalId = await astra.submit([
    { key: 'before', type: 'noop' },
    {
      key: 'enter',
      type: 'shell',
      dependsOn: ['before'],
      input: { command: 'test -e "$1" && echo 42', args: [door] },
      maxAttempts: 2,
      backoff: { minMs: 20, maxMs: 40 },
    },
    js('next', '(n) => n + 1', ['enter']),
    js('last', '(n) => n + 1', ['next']),
  ]);
  const culprit = `${goalId}.enter`;
  expect(await astra.goalEnd(goalId)).toMatchObject({
    status: 'failed',
    run: 1,
    culprit,
    counts: { completed: 1, dead_letter: 1, cancelled: 2 },
  });
  expect(await astra.task(goalId, 'enter')).toMatchObject({
    status: 'dead_letter',
    attempt: 2,
    error: { code: 'exit_nonzero' },
  });
  for (const key of ['next', 'last'])
    expect(await astra.task(goalId, key)).toMatchObject({
      status: 'cancelled',
      culprit,
      error: { code: 'dependency_failed' },
    });
  const { items } = await astra.client.list('/v1/dead-letters', { goalId });
  expect(items).toEqual([expect.objectContaining({ id: culprit })]);

  const { databaseUrl } = astra.running;
  const failed = await readGoalLog(databaseUrl, goalId);
  const [first, second, ...more] = eventsOf(failed, 'enter', 'TaskAttemptFailed');
  expect(more).toEqual([]);
  const retryAt = dataOf(first as NonNullable<typeof first>)['retryAt'] as number;
  expect(retryAt).toBeGreaterThan(first?.at as number);
  expect(eventsOf(failed, 'enter', 'TaskQueued')[1]?.at).toBeGreaterThanOrEqual(retryAt);
  expect(dataOf(second as NonNullable<typeof second>)).not.toHaveProperty('retryAt');

  writeFileSync(door, '');
  const { position } = await astra.client.post(`/v1/tasks/${culprit}/redrive`);
  const reopened = await astra.client.request('GET', `/v1/goals/${goalId}`, { after: position });
  expect(reopened.body).toMatchObject({ run: 2 });
  expect(await astra.goalEnd(goalId)).toMatchObject({
    status: 'completed',
    run: 2,
    counts: { completed: 4 },
    result: { last: 44 },
  });
  expect(await astra.task(goalId, 'enter')).toMatchObject({ run: 2, attempt: 3, result: 42 });
  expect((await astra.client.list('/v1/dead-letters', { goalId })).items).toEqual([]);
  expect(await completedGoalFlaws(databaseUrl, goalId, ['before', 'enter', 'next', 'last'])).toEqual([]);
});
