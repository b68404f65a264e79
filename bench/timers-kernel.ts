import { setTimeout as delay } from 'node:timers/promises';
import { behaviors } from '../actors/index.ts';
import type { Behavior } from '../kernel/behavior.ts';
import { SystemClock } from '../kernel/clock.ts';
import { Histogram } from '../kernel/histogram.ts';
import { startKernel } from '../kernel/kernel.ts';
import { MemoryBus } from '../kernel/memory/bus.ts';
import { openPostgresLog } from '../kernel/postgres/index.ts';
import { SystemRandom } from '../kernel/random.ts';
import { alarm } from './alarm.ts';

/** A kernel of its own on the database that is named: tells its parent how large it is when it is ready, and how late a bare timer of this process is. */
const clock = new SystemClock();
const log = await openPostgresLog(process.argv[2] as string, 'bench-timers');
const kernel = await startKernel({
  log,
  bus: new MemoryBus(clock),
  clock,
  random: new SystemRandom(),
  logger: {
    info: () => {},
    warn: (fields, text) => console.error(text, fields),
    error: (fields, text) => console.error(text, fields),
  },
  behaviors: [alarm as unknown as Behavior, ...behaviors],
  translate: () => {
    throw new Error('nothing is published here');
  },
  parkPublication: () => {
    throw new Error('nothing is published here');
  },
  idempotencyDays: 7,
  eventsFor: () => false,
  onDefect: (error) => {
    console.error(error);
    process.exit(1);
  },
});
await kernel.ready;
const readyAt = clock.now();
globalThis.gc?.();
process.send?.({ readyAt, rssBytes: process.memoryUsage.rss() });

let most = 0;
const bare = new Histogram();
process.on('message', () => {
  globalThis.gc?.();
  process.send?.({ rssBytes: process.memoryUsage.rss(), mostBytes: most, bareMs: bare.quantile(0.999) });
});
for (;;) {
  const from = performance.now();
  await delay(4);
  bare.record(Math.max(0, performance.now() - from - 4));
  most = Math.max(most, process.memoryUsage.rss());
}
