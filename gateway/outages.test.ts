import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../kernel/testing/until.ts';
import { RawConnection } from './testing/raw-connection.ts';
import { World } from './testing/world.ts';

let world: World;
let agent: string;

beforeEach(async () => {
  world = await World.start();
  agent = await world.agent({ name: 'Ada' });
});

afterEach(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

const plan = { tasks: [{ key: 'a', type: 'noop' }] };

/** A position of the shard that this one is of, and that is not reached for long. */
const farBehind = (position: string): string => position.replace(/\d+$/, (seq) => String(Number(seq) + 1_000_000));

/** Changes an agent while reads hear nothing of it; resolves with the position of the change. */
async function changeUnheard(path: string): Promise<string> {
  world.tail.hold();
  const { status, headers } = await world.call('PATCH', path, { body: { systemPrompt: 'new' } });
  expect(status).toBe(200);
  return headers.get('astra-position') ?? '';
}

describe('while bus and database are gone', () => {
  it('reads answer as before, writes are refused at once, and readiness says why (I6)', async () => {
    const goal = await world.goal(agent, plan.tasks);
    await world.shows(`/v1/goals/${goal}`, ({ status }) => status === 'completed');
    const paths = [
      `/v1/agents/${agent}`,
      `/v1/goals/${goal}`,
      `/v1/tasks/${goal}.a/timeline`,
      '/v1/agents',
      '/v1/tasks',
    ];
    const before = await Promise.all(paths.map((path) => world.get(path)));
    world.bus.disconnect();
    world.log.up = false;
    for (const [i, path] of paths.entries()) {
      const { status, body } = await world.get(path);
      expect([path, status, body]).toEqual([path, 200, before[i]?.body]);
    }
    const refused = await world.post('/v1/agents', { name: 'Eve' });
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);

    const { status, body } = await world.get('/readyz', { key: '' });
    expect([status, body.ready]).toEqual([503, false]);
    expect(body.checks).toContainEqual({ name: 'nats', ok: false, reason: expect.stringContaining('not connected') });
    expect(body.checks).toContainEqual({ name: 'keys', ok: true });
    // Probes tell their last outcome: this gateway begins with one.
    const { port } = await world.gateway();
    const other = await world.call('GET', '/readyz', { key: '' }, port);
    expect(other.body.checks).toContainEqual({ name: 'postgres', ok: false, reason: expect.any(String) });
    expect((await world.get('/healthz', { key: '' })).status).toBe(200);

    world.log.up = true;
    world.bus.reconnect();
    await until(async () => (await world.post('/v1/agents', { name: 'Eve' })).status !== 503);
    await world.shows('/v1/agents?name=Eve', ({ items }) => items.length === 1);
  });

  it('a gateway that starts without keys knows nobody, and says that it does not know yet', async () => {
    world.keys.up = false;
    const { port } = await world.gateway();
    const got = await world.call('GET', '/v1/agents', {}, port);
    expect([got.status, got.body.code]).toEqual([503, 'not_ready']);
    const { body } = await world.call('GET', '/readyz', { key: '' }, port);
    expect(body.checks).toContainEqual({ name: 'keys', ok: false, reason: 'the API keys have not been read yet' });
  });

  it('a gateway that has not read the log to its end yet denies nothing', async () => {
    const { port } = await world.gateway({ hasRead: false });
    for (const path of [`/v1/agents/${agent}`, `/v1/agents/${world.id('ag')}`, '/v1/agents']) {
      const got = await world.call('GET', path, {}, port);
      expect([got.status, got.body.code]).toEqual([503, 'not_ready']);
    }
    expect((await world.call('POST', '/v1/agents', { body: { name: 'x' } }, port)).status).toBe(503);
    expect((await world.call('GET', '/healthz', {}, port)).status).toBe(200);
  });
});

/** How many requests wait in a gateway, besides the one that asks. */
async function openRequests(port: number): Promise<number> {
  const { body } = await world.call('GET', '/metrics', {}, port);
  return Number(/^astra_http_requests_open (\d+)$/m.exec(body)?.[1]) - 1;
}

describe('a read that waits for a position', () => {
  it('answers with it as soon as it is there, and is told when it does not come', async () => {
    const path = `/v1/agents/${agent}`;
    const position = await changeUnheard(path);
    const late = await world.get(path, { headers: { 'astra-after': position, 'astra-wait': '20' } });
    expect([late.status, late.body.code]).toEqual([504, 'position_timeout']);
    expect(late.headers.get('retry-after')).not.toBeNull();
    expect((await world.get(path)).body.systemPrompt).toBe('');

    const waits = world.get(path, { headers: { 'astra-after': position, 'astra-wait': '10000' } });
    await until(async () => (await openRequests(world.port)) === 1);
    world.tail.release();
    expect(await waits).toMatchObject({ status: 200, body: { systemPrompt: 'new' } });
  });
});

describe('a gateway that stops', () => {
  it('answers who waits, takes no more connections, and ends', async () => {
    const { port, stop } = await world.gateway();
    const path = `/v1/agents/${agent}`;
    const idle = await RawConnection.open(port);
    const waiting = await RawConnection.open(port);
    const after = await changeUnheard(path);
    const headers = { Authorization: `Bearer ${world.key}`, 'Astra-After': after, 'Astra-Wait': '10000' };
    waiting.head(`GET ${path}`, headers);
    await until(async () => (await openRequests(port)) === 1);
    let isStopped = false;
    const stopped = stop().then(() => {
      isStopped = true;
    });
    await expect(RawConnection.open(port)).rejects.toThrow();
    expect(isStopped).toBe(false);
    world.tail.release();
    const { status, body } = await waiting.answer();
    expect([status, JSON.parse(body).systemPrompt]).toEqual([200, 'new']);
    await stopped;
    await Promise.all([idle.closed(), waiting.closed()]);
  });

  it('is not held up by who left while it waited', async () => {
    const { port, stop } = await world.gateway();
    const made = await world.post('/v1/agents', { name: 'Grace' });
    const connection = await RawConnection.open(port);
    const after = farBehind(made.headers.get('astra-position') ?? '');
    connection.head(`GET /v1/agents/${made.body.id}`, {
      Authorization: `Bearer ${world.key}`,
      'Astra-After': after,
      'Astra-Wait': '10000',
    });
    await until(async () => (await openRequests(port)) === 1);
    connection.end();
    await until(async () => (await openRequests(port)) === 0);
    await stop();
  });

  it('ends the streams of who follows a task: they go on elsewhere', async () => {
    world.work = () => undefined;
    const goal = await world.goal(agent, plan.tasks);
    await world.shows(`/v1/tasks/${goal}.a`, ({ status }) => status === 'running');
    const { port, stop } = await world.gateway();
    const answer = await fetch(`http://127.0.0.1:${port}/v1/tasks/${goal}.a/logs?follow=true`, {
      headers: { authorization: `Bearer ${world.key}` },
    });
    const [text] = await Promise.all([answer.text(), stop()]);
    expect(text).not.toContain('event: end');
  });

  it('says so when its port is taken', async () => {
    await expect(world.gateway({ port: world.port })).rejects.toMatchObject({ code: 'port_in_use' });
  });
});
