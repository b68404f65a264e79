import { expect, it } from 'vitest';
import { generation } from './brand.ts';
import { BusLevel } from './bus-level.ts';
import { SystemClock } from './clock.ts';
import { MemoryBus } from './memory/bus.ts';
import { MemoryLog } from './memory/log.ts';
import { SystemRandom } from './random.ts';

it('two that both take themselves for the one that leads make the streams anew once', async () => {
  const clock = new SystemClock();
  const bus = new MemoryBus(clock);
  const log = new MemoryLog(clock, new SystemRandom(), 8);
  let made = 0;
  const { recreate } = bus;
  bus.recreate = (...args) => {
    made++;
    return recreate.apply(bus, args);
  };
  // The second generation was there, and is gone.
  const { generation: found } = await log.raiseGeneration(generation(1));
  const levels = ['a', 'b'].map(
    (owner) =>
      new BusLevel(
        {
          owner,
          shards: 8,
          bus,
          clock,
          log: {
            heads: async () => (await log.heads()).map((row) => ({ ...row, owner })),
            meta: () => log.meta(),
            raiseGeneration: (from) => log.raiseGeneration(from),
          },
          runtimes: () => [],
          stopping: () => false,
          onForgot: () => {},
          onTrouble: () => {},
        },
        found,
      ),
  );
  await Promise.all(levels.map((level) => level.level()));
  expect(made).toBe(1);
  expect((await log.meta()).generation).toBe(3);
  expect(levels.map((level) => level.generation)).toEqual([3, 3]);
});

it('whoever missed that the first generation is over does not begin it again on a bus that is empty', async () => {
  const clock = new SystemClock();
  const bus = new MemoryBus(clock);
  const log = new MemoryLog(clock, new SystemRandom(), 8);
  const level = new BusLevel(
    {
      owner: 'late',
      shards: 8,
      bus,
      clock,
      log: {
        heads: async () => (await log.heads()).map((row) => ({ ...row, owner: 'late' })),
        meta: () => log.meta(),
        raiseGeneration: (from) => log.raiseGeneration(from),
      },
      runtimes: () => [],
      stopping: () => false,
      onForgot: () => {},
      onTrouble: () => {},
    },
    generation(1),
  );
  await log.raiseGeneration(generation(1));
  await level.level();
  expect(level.generation).toBe(3);
});
