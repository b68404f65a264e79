import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Resource } from '../cli/client.ts';
import { shardOf } from '../kernel/address.ts';
import { until } from '../kernel/testing/until.ts';
import { AstraUnderTest } from './astra-under-test.ts';

/** Agents that send to agents, and have children, on real processes (docs/domain.md, "Agent"). */
let astra: AstraUnderTest;

beforeAll(async () => {
  astra = await AstraUnderTest.start(['--allow-driver', 'thread,process']);
});

afterAll(async () => {
  await astra?.stop();
});

const spawn = async (name: string, more: object = {}): Promise<string> => {
  const { body, position } = await astra.client.post('/v1/agents', { name, ...more });
  const id = String(body['id']);
  await astra.client.get(`/v1/agents/${id}`, undefined, position);
  return id;
};

const homeOf = (type: 'agent' | 'goal', id: string): number =>
  shardOf({ org: 'default', type, id }, { prefix: type === 'agent' ? 'ag' : 'gl' }, 64);

/** So many that some of them are on other shards than any one goal. */
const receivers = (name: string): Promise<string[]> =>
  Promise.all(Array.from({ length: 4 }, (_, i) => spawn(`${name} ${i}`)));

const mailbox = async (agent: string): Promise<readonly Resource[]> =>
  (await astra.client.list(`/v1/agents/${agent}/messages`, {})).items;

/** The mailboxes once something has come into each. */
const mailOf = (agents: readonly string[]): Promise<readonly (readonly Resource[])[]> =>
  until(async () => {
    const all = await Promise.all(agents.map(mailbox));
    return all.every(({ length }) => length > 0) && all;
  });

test('a task sends to agents on other shards, in the name of its own, whose profile it knows', async () => {
  const to = await receivers('greeted');
  const code = `async (...to) => {
    const { name } = await astra.profile();
    for (const id of to) astra.send(id, { type: 'greeting', payload: { from: name } });
    return name;
  }`;
  const goalId = await astra.submit([{ key: 'greet', type: 'js', input: { code, args: to } }]);
  expect(await astra.goalEnd(goalId)).toMatchObject({ status: 'completed', result: { greet: 'tester' } });
  expect(to.some((id) => homeOf('agent', id) !== homeOf('goal', goalId))).toBe(true);
  const from = `agent:${astra.agentId}`;
  const greeting = { type: 'greeting', payload: { from: 'tester' }, from, taskId: `${goalId}.greet` };
  for (const messages of await mailOf(to)) expect(messages).toEqual([expect.objectContaining(greeting)]);
});

test('what it sends comes once, though its worker is killed with it, and its kernel when it has sent', async () => {
  const to = await receivers('told');
  const door = join(astra.dataDir, 'door');
  const script = [
    'door=$1; shift',
    'for id in "$@"; do',
    '  printf \'{"to":"%s","type":"news","payload":%s}\\n\' "$id" "$ASTRA_ATTEMPT" >> "$ASTRA_MESSAGES"',
    'done',
    'until test -e "$door"; do sleep 0.05; done',
  ].join('\n');
  const goalId = await astra.submit([{ key: 'tell', type: 'shell', input: { script, args: [door, ...to] } }]);
  await until(async () => (await astra.task(goalId, 'tell'))['status'] === 'running');
  await astra.kill('worker');
  await until(async () => {
    const { status, attempt } = await astra.task(goalId, 'tell');
    return status === 'running' && attempt === 2;
  });
  writeFileSync(door, '');
  expect(await astra.goalEnd(goalId)).toMatchObject({ status: 'completed' });
  await astra.kill('kernel');
  // What the next kernel has to say of this comes behind what it sends again.
  const later = await astra.submit([{ key: 'tell', type: 'shell', input: { script, args: [door, ...to] } }]);
  expect(await astra.goalEnd(later)).toMatchObject({ status: 'completed' });
  const news = (goal: string, payload: number) => expect.objectContaining({ taskId: `${goal}.tell`, payload });
  const both = await until(async () => {
    const all = await mailOf(to);
    return all.every((messages) => messages.some(({ taskId }) => taskId === `${later}.tell`)) && all;
  });
  for (const messages of both) expect(messages).toEqual([news(later, 1), news(goalId, 2)]);
});

test('a task that writes to nobody fails, and says so', async () => {
  const nobody = `ag_${'0'.repeat(26)}`;
  const goalId = await astra.submit([
    { key: 'lost', type: 'js', input: { code: '(to) => astra.send(to, { type: "x" })', args: [nobody] } },
  ]);
  expect(await astra.goalEnd(goalId)).toMatchObject({ status: 'failed' });
  expect(await astra.task(goalId, 'lost')).toMatchObject({
    status: 'dead_letter',
    attempt: 1,
    error: { code: 'message_undeliverable', details: { code: 'not_found' } },
  });
});

test('a task spawns agents: children of its own', async () => {
  const code = 'async () => [await astra.spawn({ name: "Eve", kind: "helper" })]';
  const goalId = await astra.submit([{ key: 'bear', type: 'js', input: { code } }]);
  const { result } = await astra.goalEnd(goalId);
  const [id = ''] = (result as { readonly bear: readonly string[] }).bear;
  const children = await until(async () => {
    const { items } = await astra.client.list('/v1/agents', { parentId: astra.agentId });
    return items.length > 0 && items;
  });
  expect(children).toEqual([expect.objectContaining({ id, name: 'Eve', kind: 'helper', status: 'active' })]);
});

test('children are spawned by their parent, and stop with it', async () => {
  const parent = await spawn('parent', { supervision: { policy: 'escalate' } });
  const child = await spawn('child', { parentId: parent });
  const grandchild = await spawn('grandchild', { parentId: child });
  const { items } = await astra.client.list('/v1/agents', { parentId: parent });
  expect(items).toEqual([expect.objectContaining({ id: child, parentId: parent, status: 'active' })]);
  await astra.client.post(`/v1/agents/${parent}/stop`, { reason: 'done' });
  for (const id of [child, grandchild])
    expect(
      await until(async () => {
        const agent = await astra.client.get(`/v1/agents/${id}`);
        return agent['status'] === 'stopped' && agent;
      }),
    ).toMatchObject({ reason: 'parent_stopped' });
});
