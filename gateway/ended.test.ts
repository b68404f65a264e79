import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { World } from './testing/world.ts';

let world: World;

beforeAll(async () => {
  world = await World.start({ endedTasksMax: 1 });
});

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

describe('what has left memory', () => {
  it('is sent for to its history, by every path to it; what never was is not', async () => {
    const agent = await world.agent();
    const goals: string[] = [];
    for (let i = 0; i < 3; i++) {
      const goal = await world.goal(agent, [{ key: 'a', type: 'noop' }]);
      await world.shows(`/v1/agents/${agent}`, ({ openGoals }) => openGoals === 0);
      goals.push(goal);
    }
    const [oldest = ''] = goals;
    const paths = [
      [`/v1/goals/${oldest}`, `/v1/history/goal/${oldest}`],
      [`/v1/goals/${oldest}/graph`, `/v1/history/goal/${oldest}`],
      [`/v1/tasks/${oldest}.a`, `/v1/history/task/${oldest}.a`],
      [`/v1/tasks/${oldest}.a/timeline`, `/v1/history/task/${oldest}.a`],
      [`/v1/tasks/${oldest}.a/logs`, `/v1/history/task/${oldest}.a`],
      [`/v1/tasks/${oldest}.a/logs?follow=true`, `/v1/history/task/${oldest}.a`],
    ] as const;
    for (const [path, location] of paths) {
      const got = await world.get(path);
      expect([path, got.status, got.headers.get('location'), got.body]).toEqual([path, 307, location, '']);
    }
    expect((await world.get(`/v1/goals/${world.id('gl')}`)).status).toBe(404);
    expect((await world.get(`/v1/goals/${goals[2]}`)).status).toBe(200);
    expect((await world.get('/v1/goals')).body.items.map(({ id }: { id: string }) => id)).not.toContain(oldest);
  });
});
