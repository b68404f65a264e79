import { expect, it } from 'vitest';
import type { Subscription } from './bus.ts';
import { SystemClock } from './clock.ts';
import { Forwarder } from './forwarder.ts';
import { SystemRandom } from './random.ts';
import { Registry } from './registry.ts';

it('a forwarder that is stopped while it opens reads nothing afterwards', async () => {
  let open = 0;
  let opened: (ingress: Subscription) => void = () => {};
  const forwarder = new Forwarder({
    bus: {
      openIngress: () =>
        new Promise((resolve) => {
          open++;
          opened = resolve;
        }),
      sendCommand: async () => {},
      reply: () => {},
    },
    clock: new SystemClock(),
    random: new SystemRandom(),
    registry: new Registry([]),
    shards: 8,
    gate: () => undefined,
    translate: () => {
      throw new Error('nothing is published here');
    },
    park: () => {
      throw new Error('nothing is published here');
    },
    onTrouble: () => {},
  });
  const opening = forwarder.open();
  while (open === 0) await Promise.resolve();
  await forwarder.stop();
  opened({ stop: async () => void open-- });
  await opening;
  expect(open).toBe(0);
});
