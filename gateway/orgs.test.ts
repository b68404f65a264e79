import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Got, World } from './testing/world.ts';

// I10: what belongs to one org does not exist for another.

let world: World;
let stranger: string;
let agent: string;
let goal: string;
let task: string;
let sha256: string;
let label: string;

beforeAll(async () => {
  world = await World.start();
  stranger = world.keys.create('others', ['read', 'write', 'admin']);
  // The gateway reads the keys as it starts: this one knows them all.
  const { port } = await world.gateway();
  as = (method, path, body) => world.call(method, path, { key: stranger, body }, port);
  sha256 = world.artifacts.put('default', Buffer.from('ours'));
  agent = await world.agent({ name: 'Ada' });
  world.work = () => ({ error: { code: 'boom', message: 'no', retryable: false } });
  label = 'secret';
  goal = await world.goal(agent, [{ key: 'a', type: 'noop' }], { labels: { team: label } });
  task = `${goal}.a`;
  world.output.write('default', task, { attempt: 1, n: 1, stream: 'stdout', text: 'ours' });
  await world.shows('/v1/dead-letters', ({ items }) => items.length === 1);
  await world.shows(`/v1/goals/${goal}`, ({ status }) => status === 'failed');
});

let as: (method: string, path: string, body?: unknown) => Promise<Got>;

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

describe('another org', () => {
  it('reads nothing of ours: each is as if it did not exist', async () => {
    const paths = [
      `/v1/agents/${agent}`,
      `/v1/agents/${agent}/messages`,
      `/v1/goals/${goal}`,
      `/v1/goals/${goal}/graph`,
      `/v1/tasks/${task}`,
      `/v1/tasks/${task}/timeline`,
      `/v1/tasks/${task}/logs`,
      `/v1/tasks/${task}/logs?follow=true`,
      `/v1/artifacts/${sha256}`,
      `/v1/workers/${world.worker}`,
    ];
    for (const path of paths) {
      expect([path, (await world.get(path)).status]).toEqual([path, 200]);
      const { status, body } = await as('GET', path);
      expect([path, status, body.code]).toEqual([path, 404, 'not_found']);
    }
  });

  it('lists and counts nothing of ours', async () => {
    const paths = [
      '/v1/agents',
      '/v1/agents?name=Ada',
      `/v1/goals?agentId=${agent}`,
      `/v1/goals?label=team:${label}`,
      `/v1/tasks?goalId=${goal}`,
      '/v1/tasks?status=dead_letter',
      '/v1/workers',
      '/v1/dead-letters',
    ];
    for (const path of paths) {
      expect([path, (await world.get(path)).body.items.length]).toEqual([path, 1]);
      expect([path, (await as('GET', path)).body]).toEqual([path, { items: [], nextCursor: null }]);
    }
    const ours = (await world.get('/v1/stats')).body;
    expect([ours.goals.failed, ours.tasks.dead_letter, ours.deadLetters, ours.agents.active]).toEqual([1, 1, 1, 1]);
    const theirs = (await as('GET', '/v1/stats')).body;
    const counts = [theirs.agents, theirs.goals, theirs.tasks, theirs.workers].flatMap((of) => Object.values(of));
    expect(new Set(counts)).toEqual(new Set([0]));
    expect([theirs.deadLetters, theirs.pools, theirs.latencies.endToEnd.count]).toEqual([0, [], 0]);
    expect(Object.values(theirs.rates)).toEqual([0, 0, 0, 0, 0]);
  });

  it('does nothing to ours', async () => {
    const before = (await world.get(`/v1/agents/${agent}`)).body;
    const plan = { tasks: [{ key: 'a', type: 'noop' }] };
    const attempts = [
      ['PATCH', `/v1/agents/${agent}`, { systemPrompt: 'mine now' }],
      ['POST', `/v1/agents/${agent}/stop`, {}],
      ['POST', `/v1/agents/${agent}/messages`, { type: 'note' }],
      ['POST', `/v1/goals/${goal}/cancel`, {}],
      ['POST', `/v1/tasks/${task}/redrive`, {}],
      ['POST', `/v1/tasks/${task}/cancel`, {}],
      ['POST', `/v1/dead-letters/${task}/redrive`, {}],
      ['POST', `/v1/workers/${world.worker}/drain`, {}],
      ['POST', '/v1/goals', { agentId: agent, plan }],
    ] as const;
    for (const [method, path, body] of attempts)
      expect([method, path, (await as(method, path, body)).status]).toEqual([method, path, 404]);
    const all = await as('POST', '/v1/dead-letters/redrive', { filter: {} });
    expect(all.body).toEqual({ redriven: 0, remaining: 0 });
    expect((await world.get(`/v1/agents/${agent}`)).body).toEqual(before);
    expect((await world.get(`/v1/tasks/${task}`)).body.run).toBe(1);
  });

  it('may use our names, our keys of requests and our labels for its own', async () => {
    const named = await as('POST', '/v1/agents', { name: 'Ada' });
    expect(named.status).toBe(201);
    const plan = { tasks: [{ key: 'a', type: 'noop' }] };
    const dependsOn = [goal];
    const waits = await as('POST', '/v1/goals', { agentId: named.body.id, plan, dependsOn });
    expect([waits.status, waits.body.code]).toEqual([422, 'dependency_unknown']);
    expect((await world.get('/v1/agents?name=Ada')).body.items).toMatchObject([{ id: agent }]);
  });

  it('sees in the metrics how busy we are together, and nobody’s names', async () => {
    const { status, body } = await as('GET', '/metrics');
    expect(status).toBe(200);
    for (const name of [agent, goal, 'Ada', label, sha256, world.worker, 'default', 'boom'])
      expect([name, body.includes(`"${name}`)]).toEqual([name, false]);
  });
});
