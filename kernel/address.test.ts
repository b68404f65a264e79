import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { headId, idOf, keyBytes, memberKey, shardOf } from './address.ts';
import { shard } from './brand.ts';
import { pinnedId } from './decide-context.ts';
import { derivedId } from './ids.ts';

const goal = derivedId('gl', 'a goal');

describe('addresses', () => {
  it('place an actor by the first four bytes of SHA-256(org ‖ 0 ‖ type/id), mod shards', () => {
    const expected = createHash('sha256').update(`default\0goal/${goal}`).digest().readUInt32BE(0) % 64;
    expect(shardOf({ org: 'default', type: 'goal', id: goal }, { prefix: 'gl' }, 64)).toBe(expected);
  });

  it('place a task with its goal', () => {
    const format = { prefix: 'gl', placedAs: 'goal' };
    const home = shardOf({ org: 'o', type: 'goal', id: goal }, { prefix: 'gl' }, 64);
    for (const key of ['fetch', '_plan', 'z'])
      expect(shardOf({ org: 'o', type: 'task', id: `${goal}.${key}` }, format, 64)).toBe(home);
  });

  it('place the same id of two orgs apart', () => {
    const homes = new Set(
      Array.from({ length: 20 }, (_, i) => shardOf({ org: `org-${i}`, type: 'goal', id: goal }, { prefix: 'gl' }, 64)),
    );
    expect(homes.size).toBeGreaterThan(1);
  });

  it('place a pinned id on the shard it carries', () => {
    const id = pinnedId('dl', shard(41), Buffer.alloc(14, 7));
    expect(shardOf({ org: 'o', type: 'dead-letter', id }, { prefix: 'dl', pinned: true }, 64)).toBe(41);
  });

  it('give an id back from its binary key', () => {
    for (const id of [goal, `${goal}.fetch`, `${goal}.0-a_B`]) expect(idOf('gl', keyBytes(id))).toBe(id);
    expect(keyBytes(`${goal}.fetch`).subarray(0, 16)).toEqual(keyBytes(goal));
    expect([headId(`${goal}.x`), memberKey(`${goal}.x`), memberKey(goal)]).toEqual([goal, 'x', undefined]);
  });
});
