import { describe } from 'vitest';
import { SystemClock } from '../clock.ts';
import type { Json } from '../envelope.ts';
import { busContract } from '../testing/bus.contract.ts';
import { MemoryBus } from './bus.ts';

describe('the bus in memory', () => {
  busContract(
    async (limits) => {
      const bus = new MemoryBus(new SystemClock(), limits);
      return {
        bus,
        replyRoot: 'astra.reply',
        sendBatch: async (of, org, entries, replyTo) => void bus.sendBatch(of, org, entries, replyTo),
        sendNonsense: async (of, org) => void bus.sendBatch(of, org, null),
        onReply: async (subject, listener) => bus.onReply(subject, listener),
        onWork: async (org, pool, type, listener) =>
          bus.takeWork((offer) => {
            const mine = offer.org === org && offer.pool === pool && offer.type === type;
            if (mine) listener(offer.payload);
            return mine;
          }),
        onLog: async (listener) => void bus.onLog(listener),
        onEvents: async (listener) => bus.onEvents(listener),
        onStats: async (listener) => void bus.onStats((owner, stats) => listener(owner, stats as Json)),
        onControl: async (org, worker, listener) =>
          bus.onControl((to, of, payload) => {
            if (to === org && of === worker) listener(payload);
          }),
        beat: async (org, worker, payload) => bus.beat(org, worker, payload as object),
        publish: async (publication) => bus.publish({ contentType: 'application/json', ...publication }),
        disconnect: async () => bus.disconnect(),
        reconnect: async () => bus.reconnect(),
        wipe: async () => bus.wipe(),
        rollBack: async (sequence) => bus.rollBack(sequence),
        end: () => bus.close(),
      };
    },
    { streamBytesMax: 64 * 1024 },
  );
});
