import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { behaviors } from '../actors/index.ts';
import type { Behavior } from '../kernel/behavior.ts';
import type { Json } from '../kernel/envelope.ts';
import { derivedId } from '../kernel/ids.ts';
import { until } from '../kernel/testing/until.ts';
import { World } from './testing/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

it('an agent that is suspended shows as failed, why, and since when, until it is restarted', async () => {
  const agent = await world.agent({ name: 'Grace' });
  const stranger = world.keys.create('others', ['read', 'write', 'admin']);
  const { port } = await world.gateway();
  const watcher = await world.fail(agent, 4);
  const suspension = { id: watcher, reason: 'restarts', code: 'internal', deadLetterId: 'dl_0' };
  const get = () => world.call('GET', `/v1/agents/${agent}`);
  await until(async () => (await get()).body.status === 'failed');
  expect((await get()).body).toMatchObject({ status: 'failed', suspension });
  const failed = await world.call('GET', '/v1/agents?status=failed');
  expect(failed.body.items.map(({ id }: { id: string }) => id)).toEqual([agent]);
  expect((await world.call('GET', '/v1/agents?status=active&name=grace')).body.items).toEqual([]);
  const held = {
    id: watcher,
    actor: { type: 'agent', id: agent },
    status: 'suspended',
    reason: 'restarts',
    waiting: 0,
  };
  expect((await world.call('GET', `/v1/supervision/${watcher}`)).body).toMatchObject(held);
  const listed = await world.call('GET', '/v1/supervision?status=suspended&type=agent');
  expect(listed.body.items).toEqual([expect.objectContaining(held)]);
  expect((await world.call('GET', '/v1/supervision?status=waiting')).body.items).toEqual([]);
  expect((await world.call('GET', '/v1/supervision', { key: stranger }, port)).body.items).toEqual([]);
  expect((await world.call('GET', `/v1/supervision/${watcher}`, { key: stranger }, port)).status).toBe(404);

  expect((await world.call('POST', `/v1/agents/${agent}/restart`, { body: {} })).status).toBe(200);
  await until(async () => (await get()).body.status === 'active');
  expect((await get()).body).not.toHaveProperty('suspension');
  expect((await world.call('GET', `/v1/supervision/${watcher}`)).status).toBe(404);
  const again = await world.call('POST', `/v1/agents/${agent}/restart`, { body: {} });
  expect([again.status, again.body.code]).toEqual([409, 'invalid_transition']);
});

it('children are listed by their parent, and one of nobody is refused', async () => {
  const parentId = await world.agent({ name: 'Parent' });
  const child = await world.agent({ name: 'Child', parentId });
  const { body } = await world.call('GET', `/v1/agents?parentId=${parentId}`);
  expect(body.items).toMatchObject([{ id: child, parentId, supervision: { policy: 'restart', maxRestarts: 3 } }]);
  const orphan = await world.call('POST', '/v1/agents', {
    body: { name: 'Orphan', parentId: derivedId('ag', 'nobody') },
  });
  expect([orphan.status, orphan.body.code]).toEqual([422, 'parent_unknown']);
});

it('an agent that was suspended answers 503 until somebody of its org resumes it', async () => {
  const agent = await world.agent({ name: 'Ada' });
  const patch = () => world.call('PATCH', `/v1/agents/${agent}`, { body: { systemPrompt: 'go on' } });
  const watcher = await world.fail(agent, 3);
  expect((await patch()).status).toBe(200);
  await world.fail(agent, 1);
  const refused = await patch();
  expect([refused.status, refused.body.code]).toEqual([503, 'actor_suspended']);
  expect(refused.body.detail).toContain(watcher);
  const path = `/v1/supervision/${watcher}/resume`;
  const stranger = world.keys.create('others', ['read', 'write', 'admin']);
  const { port } = await world.gateway();
  expect((await world.call('POST', path, { key: stranger, body: {} }, port)).status).toBe(404);
  expect((await patch()).status).toBe(503);
  expect((await world.call('POST', path, { body: {} })).status).toBe(200);
  expect((await patch()).status).toBe(200);
  const again = await world.call('POST', path, { body: {} });
  expect([again.status, again.body.code]).toEqual([409, 'invalid_transition']);
});

describe('a child whose behavior fails', () => {
  /** Agents that fail on a message of type `explode`. */
  const fragile = behaviors.map((behavior) => {
    if (behavior.type !== 'agent') return behavior;
    const decide: Behavior['decide'] = (state, verb, body, context) => {
      if ((body as { type?: Json } | null)?.type === 'explode') throw new Error('asked to');
      return behavior.decide(state, verb, body, context);
    };
    return { ...behavior, decide };
  });
  let broken: World;
  beforeAll(async () => {
    broken = await World.start({ behaviors: fragile });
  });
  afterAll(() => broken.stop());

  const explode = async (id: string) => (await broken.post(`/v1/agents/${id}/messages`, { type: 'explode' })).status;
  const suspension = (id: string) =>
    broken.shows(`/v1/agents/${id}`, ({ status }: { status: string }) => status === 'failed');

  it('is treated by its parent’s policy, as that is now', async () => {
    const parent = await broken.agent({ supervision: { maxRestarts: 1 } });
    const [one, other] = [await broken.agent({ parentId: parent }), await broken.agent({ parentId: parent })];
    for (let i = 0; i < 2; i++) expect(await explode(one)).toBe(500);
    expect(await suspension(one)).toMatchObject({ suspension: { reason: 'restarts', code: 'internal' } });
    const { position: before } = (await broken.get(`/v1/agents/${other}`)).body;
    await broken.call('PATCH', `/v1/agents/${parent}`, { body: { supervision: { policy: 'stop' } } });
    await broken.shows(`/v1/agents/${other}`, ({ position }: { position: string }) => position !== before);
    await explode(other);
    expect(await suspension(other)).toMatchObject({ suspension: { reason: 'stop' } });
    expect(await explode(parent)).toBe(500);
    expect((await broken.get(`/v1/agents/${parent}`)).body.status).toBe('active');
  });

  it('takes its parent along where that says so, and that one its own, as far as their policies go', async () => {
    const grandparent = await broken.agent({ supervision: { policy: 'escalate' } });
    const parent = await broken.agent({ parentId: grandparent, supervision: { policy: 'escalate' } });
    const child = await broken.agent({ parentId: parent });
    const sibling = await broken.agent({ parentId: parent });
    await explode(child);
    expect(await suspension(child)).toMatchObject({ suspension: { reason: 'escalate', code: 'internal' } });
    expect(await suspension(parent)).toMatchObject({ suspension: { reason: 'escalate', code: 'child_failed' } });
    // Nobody is above it: it has failed once, and goes on.
    const held = (await broken.get('/v1/supervision?type=agent')).body.items.map(
      ({ actor }: { actor: { id: string } }) => actor.id,
    );
    expect(held).toEqual(expect.arrayContaining([child, parent]));
    expect(held).not.toContain(grandparent);
    expect((await broken.get(`/v1/agents/${sibling}`)).body.status).toBe('active');
  });
});
