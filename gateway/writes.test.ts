import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../kernel/testing/until.ts';
import { RawConnection } from './testing/raw-connection.ts';
import { World } from './testing/world.ts';

let world: World;
let agent: string;

beforeAll(async () => {
  world = await World.start();
  agent = await world.agent({ name: 'Ada' });
});

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

const plan = { tasks: [{ key: 'a', type: 'noop' }] };
const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });

describe('what is created', () => {
  it('has a place and a position, and is there for who waits for that', async () => {
    const created = await world.post('/v1/agents', { name: 'Grace', tags: ['t'] });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`/v1/agents/${created.body.id}`);
    const after = created.headers.get('astra-position') ?? '';
    expect(after).toMatch(/^\d+:\d+$/);
    const found = await world.get(`/v1/agents/${created.body.id}`, { headers: { 'astra-after': after } });
    expect(found).toMatchObject({ status: 200, body: { name: 'Grace', tags: ['t'], status: 'active' } });
  });

  it('as a goal names its tasks, which carry the trace of the request', async () => {
    const trace = 'a'.repeat(32);
    const headers = { traceparent: `00-${trace}-${'b'.repeat(16)}-01` };
    const { status, body } = await world.post('/v1/goals', { agentId: agent, plan }, { headers });
    expect(status).toBe(201);
    expect(body).toEqual({ id: body.id, status: 'active', taskIds: [`${body.id}.a`] });
    const goal = await world.shows(`/v1/goals/${body.id}`, ({ status }) => status === 'completed');
    expect(goal).toMatchObject({ agentId: agent, counts: { completed: 1 }, result: { a: null } });
    const graph = await world.get(`/v1/goals/${body.id}/graph`);
    expect(graph.body).toMatchObject({ tasks: [{ key: 'a', status: 'completed' }], edges: [] });
    const timeline = await world.get(`/v1/tasks/${body.id}.a/timeline`);
    expect(timeline.body.items.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(['TaskCreated', 'TaskQueued', 'TaskStarted', 'TaskCompleted']),
    );
    expect(timeline.body.items[0].traceId).toBe(trace);
  });

  it('is what an agent is told: messages come into its mailbox', async () => {
    const sent = await world.post(`/v1/agents/${agent}/messages`, { type: 'note', payload: { n: 1 } });
    expect(sent.status).toBe(202);
    const after = { headers: { 'astra-after': sent.headers.get('astra-position') ?? '' } };
    const { body } = await world.get(`/v1/agents/${agent}/messages`, after);
    expect(body.items).toMatchObject([{ type: 'note', payload: { n: 1 } }]);
    expect((await world.get(`/v1/agents/${world.id('ag')}/messages`)).status).toBe(404);
  });
});

describe('a repeat under one Idempotency-Key', () => {
  it.each([
    ['POST', '/v1/agents', () => ({ name: 'Alan' })],
    ['POST', '/v1/goals', () => ({ agentId: agent, plan })],
    ['POST', `/v1/agents/{agent}/messages`, () => ({ type: 'note', payload: 1 })],
    ['PATCH', `/v1/agents/{agent}`, () => ({ systemPrompt: 'Be kind.' })],
  ])('of %s %s gets the same answer, marked as one', async (method, path, body) => {
    const ask = () =>
      world.call(method, path.replace('{agent}', agent), { body: body(), ...keyed(`repeat-${method}${path}`) });
    const first = await ask();
    const second = await ask();
    expect(first.status).toBeLessThan(300);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect([second.status, second.body]).toEqual([first.status, first.body]);
    for (const name of ['location', 'astra-position'])
      expect([name, second.headers.get(name)]).toEqual([name, first.headers.get(name)]);
  });

  it('by fifty at once makes one goal, and all of them hear of it', async () => {
    const labels = { once: 'yes' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => world.post('/v1/goals', { agentId: agent, plan, labels }, keyed('fifty'))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    const { items } = await world.shows('/v1/goals?label=once:yes', (page) => page.items.length > 0);
    expect(items).toHaveLength(1);
  });

  it('with another body is refused', async () => {
    await world.post('/v1/goals', { agentId: agent, plan }, keyed('mine'));
    const other = await world.post('/v1/goals', { agentId: agent, plan, priority: 1 }, keyed('mine'));
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  it('to another target is no repeat', async () => {
    const [a, b] = [await world.agent(), await world.agent()];
    for (const id of [a, b]) {
      const got = await world.post(`/v1/agents/${id}/pause`, {}, keyed('pause'));
      expect([got.status, got.headers.get('idempotent-replayed')]).toEqual([200, null]);
      await world.shows(`/v1/agents/${id}`, ({ status }) => status === 'paused');
    }
    const resumed = await world.post(`/v1/agents/${a}/resume`, {}, keyed('pause'));
    expect([resumed.status, resumed.headers.get('idempotent-replayed')]).toEqual([200, null]);
  });
});

describe('what cannot be', () => {
  it('two agents of one name: one is made, the other is told', async () => {
    const answers = await Promise.all([0, 1].map(() => world.post('/v1/agents', { name: 'Barbara' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('agent_name_taken');
  });

  it('a plan in a circle: the circle is shown', async () => {
    const tasks = [
      { key: 'a', type: 'noop', dependsOn: ['c'] },
      { key: 'b', type: 'noop', dependsOn: ['a'] },
      { key: 'c', type: 'noop', dependsOn: ['b'] },
    ];
    const { status, body } = await world.post('/v1/goals', { agentId: agent, plan: { tasks } });
    expect([status, body.code]).toEqual([422, 'plan_invalid']);
    expect(JSON.stringify(body.errors)).toMatch(
      /a → b → c → a|b → c → a → b|c → a → b → c|a → c → b → a|c → b → a → c|b → a → c → b/,
    );
  });

  it('a text that nobody here can plan', async () => {
    const { status, body } = await world.post('/v1/goals', { agentId: agent, text: 'think' });
    expect([status, body.code]).toEqual([422, 'planner_not_configured']);
    expect(body.errors[0].pointer).toBe('/plan');
  });

  it('a goal that waits for one that does not exist', async () => {
    const dependsOn = [await world.goal(agent, plan.tasks), world.id('gl')];
    const { status, body } = await world.post('/v1/goals', { agentId: agent, plan, dependsOn });
    expect([status, body.code]).toEqual([422, 'dependency_unknown']);
    expect(body.errors).toMatchObject([{ pointer: '/dependsOn/1' }]);
  });

  it('a step that the state does not allow, or that an agent has no room for', async () => {
    const id = await world.agent({ maxConcurrentGoals: 1 });
    expect(await world.post(`/v1/agents/${id}/resume`)).toMatchObject({
      status: 409,
      body: { code: 'invalid_transition' },
    });
    const { work } = world;
    world.work = () => undefined;
    const goal = await world.goal(id, plan.tasks);
    const second = await world.post('/v1/goals', { agentId: id, plan });
    expect([second.status, second.body.code]).toEqual([429, 'concurrent_goals_cap']);
    expect(second.headers.get('retry-after')).toBe(String(Math.ceil(second.body.retryAfterMs / 1000)));
    expect((await world.post(`/v1/goals/${goal}/cancel`, { reason: 'enough' })).status).toBe(200);
    expect(await world.shows(`/v1/goals/${goal}`, ({ status }) => status === 'cancelled')).toMatchObject({
      reason: 'enough',
    });
    world.work = work;
  });

  it('a command to somebody who is not there', async () => {
    expect((await world.post(`/v1/agents/${world.id('ag')}/pause`)).status).toBe(404);
    expect((await world.post(`/v1/goals/${world.id('gl')}/cancel`)).status).toBe(404);
    expect((await world.post(`/v1/tasks/${world.id('gl')}.a/cancel`)).status).toBe(404);
    expect((await world.post(`/v1/workers/${world.id('wk')}/drain`)).status).toBe(404);
    expect((await world.call('DELETE', `/v1/dead-letters/${world.id('dl')}`)).status).toBe(404);
    expect((await world.post('/v1/goals', { agentId: world.id('ag'), plan })).status).toBe(404);
  });
});

describe('a goal that depends on one of a moment ago', () => {
  it('is taken as soon as reads know that one', async () => {
    world.tail.hold();
    const first = await world.post('/v1/goals', { agentId: agent, plan });
    expect(first.status).toBe(201);
    const second = world.post('/v1/goals', { agentId: agent, plan, dependsOn: [first.body.id] });
    // It waits, besides the request that asks whether it does.
    await until(async () => /^astra_http_requests_open 2$/m.test((await world.get('/metrics')).body));
    world.tail.release();
    expect((await second).status).toBe(201);
  });
});

describe('a client that goes', () => {
  it('while its command is carried out has it carried out', async () => {
    const connection = await RawConnection.open(world.port);
    const body = JSON.stringify({ name: 'Leaver' });
    connection.head('POST /v1/agents', {
      Authorization: `Bearer ${world.key}`,
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
    });
    world.log.fault = () => 'unavailable';
    await connection.write(body);
    await until(async () => /^astra_commands_in_flight 1$/m.test((await world.get('/metrics')).body));
    connection.end();
    world.log.fault = () => undefined;
    await world.shows('/v1/agents?name=Leaver', ({ items }) => items.length === 1);
  });
});
