import { expect, it } from 'vitest';
import { shard } from './brand.ts';
import { ActorCache } from './cache.ts';
import type { SubjectKey } from './log.ts';
import { Registry } from './registry.ts';
import { testBehaviors } from './testing/behaviors.ts';

const keyOf = (kid: string): SubjectKey => ({ kid, key: Buffer.alloc(32) });
const cache = () =>
  new ActorCache(
    shard(0),
    {
      readActors: async () => ({ snapshots: [], events: [] }),
      keysById: async (kids) => new Map(kids.map((kid) => [kid, keyOf(kid)])),
      subjectKeys: async (_org, subjects) => new Map(subjects.map((subject) => [subject, keyOf(subject)])),
    },
    new Registry(testBehaviors),
  );
const kids = (count: number, of: string): string[] => Array.from({ length: count }, (_, i) => `${of}${i}`);

it('has every key that was asked for at once, however many there are', async () => {
  const keys = cache();
  const needed = kids(25_000, 'k');
  await keys.learnKids(needed);
  expect(needed.every((kid) => keys.key(kid))).toBe(true);
});

it('keeps a key that is needed although it is the one that was met first', async () => {
  const keys = cache();
  await keys.learnKids(['first']);
  await keys.learnKids(kids(9999, 'k'));
  await keys.learnKids(['first', 'new']);
  expect(keys.key('first')).toBeDefined();
  expect(keys.key('new')).toBeDefined();
});

it('does not keep them all', async () => {
  const keys = cache();
  for (let i = 0; i < 5; i++) await keys.learnKids(kids(5000, `${i}-`));
  expect(keys.key('0-0')).toBeUndefined();
  expect(keys.key('4-4999')).toBeDefined();
});
