import { afterAll, beforeAll, expect, it } from 'vitest';
import { behaviors } from '../actors/index.ts';
import type { Envelope } from '../kernel/envelope.ts';
import { supervisorOf } from '../kernel/failing.ts';
import { Registry } from '../kernel/registry.ts';
import { World } from './testing/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

/** As the kernel tells what watches over an agent that it has failed. */
async function fail(agent: string, times: number): Promise<string> {
  const of = { org: 'default', type: 'agent', id: agent };
  const { shards } = await world.log.meta();
  const home = new Registry(behaviors).shardOf(of, shards) as never;
  const to = supervisorOf(of, home, 'sv');
  for (let i = 0; i < times; i++) {
    const id = `failed-${i}`;
    const body = { of, code: 'internal', deadLetter: 'dl_0' };
    const envelope: Envelope = { to, verb: 'failed', id, body, principal: 'kernel', correlationId: id, hops: 0 };
    await world.bus.sendCommand(home, envelope);
  }
  return to.id;
}

it('an agent that was suspended answers 503 until somebody of its org resumes it', async () => {
  const agent = await world.agent({ name: 'Ada' });
  const patch = () => world.call('PATCH', `/v1/agents/${agent}`, { body: { systemPrompt: 'go on' } });
  const watcher = await fail(agent, 3);
  expect((await patch()).status).toBe(200);
  await fail(agent, 1);
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
