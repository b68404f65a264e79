import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { World } from './testing/world.ts';

let world: World;

beforeAll(async () => {
  world = await World.start();
});

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

interface Item {
  readonly id: string;
}
const ids = (items: readonly Item[]): string[] => items.map(({ id }) => id);

describe('a list', () => {
  it('is read to its end, newest first, each item once, while others arrive; and by the cursor of another gateway', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.unshift(await world.agent({ tags: ['old'] }));
    const other = await world.gateway();
    const seen: string[] = [];
    let cursor = '';
    for (const port of [world.port, other.port, world.port]) {
      const { body } = await world.call('GET', `/v1/agents?limit=2${cursor}`, {}, port);
      seen.push(...ids(body.items));
      cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`;
      await world.agent({ tags: ['new'] });
    }
    expect(seen).toEqual(made);
    expect(cursor).toBe('&cursor=null');
    const newest = await world.get('/v1/agents?limit=3');
    expect(newest.body.items.map(({ tags }: { tags: string[] }) => tags)).toEqual([['new'], ['new'], ['new']]);
  });

  it('shows what its filters say and nothing else', async () => {
    const agentId = await world.agent({ name: 'Filtered', tags: ['rare'] });
    const [a, b] = [
      await world.goal(agentId, [{ key: 'a', type: 'noop' }], { labels: { team: 'blue:sky' } }),
      await world.goal(agentId, [{ key: 'a', type: 'noop', pool: 'nobody' }], { labels: { team: 'red' } }),
    ];
    await world.shows(`/v1/goals/${a}`, ({ status }) => status === 'completed');
    const lists = [
      ['/v1/agents?tag=rare', [agentId]],
      ['/v1/agents?name=fILTERED', [agentId]],
      ['/v1/agents?status=failed', []],
      [`/v1/goals?agentId=${agentId}`, [b, a]],
      [`/v1/goals?agentId=${agentId}&status=completed`, [a]],
      ['/v1/goals?label=team:blue:sky', [a]],
      [`/v1/tasks?goalId=${a}`, [`${a}.a`]],
      ['/v1/tasks?pool=nobody&type=noop', [`${b}.a`]],
      [`/v1/tasks?agentId=${agentId}&workerId=${world.worker}`, [`${a}.a`]],
      ['/v1/workers?pool=default', [world.worker]],
      ['/v1/workers?status=gone', []],
    ] as const;
    for (const [path, expected] of lists)
      expect([path, ids((await world.get(path)).body.items)]).toEqual([path, expected]);
  });
});

describe('dead letters', () => {
  it('are listed with their reasons, and redriven one by one or all that match', async () => {
    const agentId = await world.agent();
    let isBroken = true;
    world.work = () => (isBroken ? { error: { code: 'boom', message: 'no', retryable: false } } : { result: 1 });
    const goals = [];
    for (let i = 0; i < 4; i++) goals.push(await world.goal(agentId, [{ key: 'a', type: 'noop' }]));
    const path = `/v1/dead-letters?agentId=${agentId}`;
    const { items } = await world.shows(path, (page) => page.items.length === 4);
    expect(items[0]).toMatchObject({ kind: 'task', run: 1, error: { code: 'boom' } });
    expect((await world.get(`${path}&code=other`)).body.items).toEqual([]);
    await Promise.all(goals.map((id) => world.shows(`/v1/goals/${id}`, ({ status }) => status === 'failed')));

    isBroken = false;
    const one = await world.post(`/v1/dead-letters/${goals[0]}.a/redrive`);
    expect(one.status).toBe(200);
    await world.shows(`/v1/goals/${goals[0]}`, ({ status, run }) => status === 'completed' && run === 2);

    const rest = await world.post('/v1/dead-letters/redrive', { filter: { agentId, code: 'boom' } });
    expect([rest.status, rest.body]).toEqual([200, { redriven: 3, remaining: 0 }]);
    expect(rest.headers.get('astra-position')).toMatch(/^\d+:\d+$/);
    for (const id of goals) await world.shows(`/v1/goals/${id}`, ({ status }) => status === 'completed');
    await world.shows(path, (page) => page.items.length === 0);
  });

  it('of a filter are never redriven under a key: a repeat would not be one', async () => {
    const headers = { 'idempotency-key': 'k' };
    const { status, body } = await world.post('/v1/dead-letters/redrive', { filter: {} }, { headers });
    expect([status, body.code]).toEqual([400, 'malformed_header']);
    expect(body.detail).toContain('Idempotency-Key');
  });

  it('that are tasks are the history of their goals: nobody discards them', async () => {
    const got = await world.call('DELETE', `/v1/dead-letters/${world.id('gl')}.a`);
    expect([got.status, got.body.code]).toEqual([409, 'invalid_transition']);
  });
});
