import { describe, expect, it } from 'vitest';
import type { Work } from './behavior.ts';
import { offersMin, offersPerFreeSlot } from './bounds.ts';
import { micros } from './brand.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Live } from './live.ts';

/** How many of a thousand ready tasks a kernel offers that has this part of the shards. */
const offers = async (share: number, free: number): Promise<number> => {
  let offered = 0;
  const dispatcher = new Dispatcher({
    capacity: { free: () => free, serves: () => true },
    share: () => share,
    offer: () => ++offered > 0,
  });
  const work: Work = {
    phase: 'ready',
    route: { pool: 'default', type: 'egg' },
    priority: 5,
    since: micros(0),
  };
  for (let i = 0; i < 1000; i++)
    dispatcher.changed({ address: { org: 'o', type: 'egg', id: `${i}` }, work } as Live, undefined, work);
  await Promise.resolve();
  return offered;
};

describe('the credit of a kernel', () => {
  it('is for all free slots while it has all shards', async () => {
    expect(await offers(1, 16)).toBe(offersPerFreeSlot * 16);
  });

  it('is its part of that beside other kernels: together they offer no more', async () => {
    expect(await offers(22 / 64, 48)).toBe(Math.ceil((offersPerFreeSlot * 48 * 22) / 64));
  });

  it('is never less than a pool needs to go on', async () => {
    expect(await offers(1 / 64, 16)).toBe(offersMin);
    expect(await offers(0, 0)).toBe(offersMin);
  });
});
