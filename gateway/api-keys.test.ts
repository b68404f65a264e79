import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../kernel/memory/clock.ts';
import { SystemRandom } from '../kernel/random.ts';
import { ApiKeys } from './api-keys.ts';
import { keysRefreshMs } from './bounds.ts';
import { MemoryKeys } from './testing/memory-stores.ts';

let source: MemoryKeys;
let clock: ManualClock;
let failures: unknown[];
let keys: ApiKeys;

beforeEach(() => {
  source = new MemoryKeys(new SystemRandom());
  clock = new ManualClock();
  failures = [];
  keys = new ApiKeys(source, clock, (cause) => failures.push(cause));
});

async function refresh(): Promise<void> {
  clock.advance(keysRefreshMs);
  await nextTurn();
}

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('an API key', () => {
  it('stands for its org and itself, within its scopes', async () => {
    const reader = source.create('one', ['read']);
    const admin = source.create('two', ['admin']);
    await keys.start();
    const caller = keys.admit(`Bearer ${reader}`, 'read');
    expect(caller).toEqual({ org: 'one', principal: `key:${reader.split('_')[1]}` });
    for (const scope of ['write', 'admin'] as const)
      expect(() => keys.admit(`Bearer ${reader}`, scope)).toThrow(code('forbidden'));
    for (const scope of ['read', 'write', 'admin'] as const)
      expect(keys.admit(`bearer ${admin}`, scope).org).toBe('two');
  });

  it('that is unknown, has another one’s secret, or is none, is nobody’s', async () => {
    const key = source.create('one', ['read']);
    const other = source.create('one', ['read']);
    await keys.start();
    const [, id] = key.split('_');
    const mixed = `astra_${id}_${other.split('_')[2]}`;
    const unknown = new MemoryKeys(new SystemRandom()).create('one', ['admin']);
    for (const text of ['', key, 'Bearer', 'Basic abc', `Bearer ${key}x`, `Bearer ${mixed}`, `Bearer ${unknown}`])
      expect(() => keys.admit(text, 'read')).toThrow(code('unauthenticated'));
    // Nobody learns by the answer which of both it was.
    const said = [mixed, unknown].map((text) => {
      try {
        return keys.admit(`Bearer ${text}`, 'read');
      } catch (error) {
        return (error as Error).message;
      }
    });
    expect(said[0]).toBe(said[1]);
  });

  it('counts from the next look on, and no longer than to it once it is revoked', async () => {
    await keys.start();
    const key = source.create('one', ['read']);
    expect(() => keys.admit(`Bearer ${key}`, 'read')).toThrow(code('unauthenticated'));
    await refresh();
    expect(keys.admit(`Bearer ${key}`, 'read').org).toBe('one');
    source.revoke(key);
    await refresh();
    expect(() => keys.admit(`Bearer ${key}`, 'read')).toThrow(code('unauthenticated'));
  });

  it('stays in force while the store does not answer, and is looked up again when it does', async () => {
    const key = source.create('one', ['read']);
    await keys.start();
    source.up = false;
    source.revoke(key);
    await refresh();
    await refresh();
    expect(failures).toHaveLength(2);
    expect(keys.admit(`Bearer ${key}`, 'read').org).toBe('one');
    source.up = true;
    await refresh();
    expect(() => keys.admit(`Bearer ${key}`, 'read')).toThrow(code('unauthenticated'));
  });

  it('is not judged before keys were read once', async () => {
    const key = source.create('one', ['read']);
    source.up = false;
    await keys.start();
    expect(keys.isLoaded).toBe(false);
    expect(() => keys.admit(`Bearer ${key}`, 'read')).toThrow(code('not_ready'));
    source.up = true;
    await refresh();
    expect([keys.isLoaded, keys.admit(`Bearer ${key}`, 'read').org]).toEqual([true, 'one']);
  });

  it('is looked up no more once the gateway stops', async () => {
    await keys.start();
    keys.stop();
    expect(clock.alarms).toBe(0);
  });
});
