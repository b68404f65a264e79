import { describe, inject } from 'vitest';
import { generation, shard } from '../brand.ts';
import type { Json, Reply } from '../envelope.ts';
import { busContract } from '../testing/bus.contract.ts';
import { natsCorner } from '../testing/nats.ts';
import { TcpProxy } from '../testing/tcp-proxy.ts';
import { header } from './command-message.ts';
import { openNatsBus, openWorkerLink } from './index.ts';
import { laneSubject } from './names.ts';

describe('the bus on NATS', () => {
  busContract(
    async ({ streamBytesMax }) => {
      const corner = await natsCorner(inject('natsUrl'));
      const { names, nc, jsm, hear, put } = corner;
      const { root } = names;
      const proxy = new TcpProxy(inject('natsUrl'));
      await proxy.listen();
      const bytes = streamBytesMax === undefined ? {} : { cmd: streamBytesMax, chan: streamBytesMax };
      const bus = await openNatsBus({ ...corner.options('contract', proxy.url), streams: { bytes } }, () => {});
      const link = await openWorkerLink(corner.options('worker'), {
        shards: 8,
        workerIds: { prefix: 'wk' },
        org: 'acme',
        client: 'contract',
      });
      const json = (value: Json): Buffer => Buffer.from(JSON.stringify(value));
      return {
        bus,
        replyRoot: `${root}.reply`,
        sendBatch: async (of, org, entries, replyTo) => {
          const fields = replyTo === undefined ? {} : { [header.replyTo]: replyTo };
          await put(laneSubject(names, of, org, 'batch'), json(entries), fields);
        },
        sendNonsense: async (of, org) => void (await put(laneSubject(names, of, org, 'goal'), Buffer.from('{"half'))),
        onReply: (subject, listener) => hear(subject, (message) => listener(message.json<Reply>())),
        onWork: async (org, pool, type, listener) =>
          void (await link.pull(org, [{ pool, type }], {
            credit: () => 64,
            deliver: (message) => {
              listener(message.payload);
              message.ack();
            },
          })),
        onLog: (listener) =>
          hear(`${root}.log.*`, ({ subject, data }) => listener(shard(Number(subject.split('.').at(-1))), data)),
        onEvents: (listener) =>
          hear(`${root}.evt.>`, ({ subject, headers: h, data }) => {
            const [, , org = '', actorType = '', actorId = ''] = subject.split('.');
            listener({
              org,
              actorType,
              actorId,
              types: h?.get('Astra-Types').split(',') ?? [],
              generation: generation(Number(h?.get('Astra-Generation'))),
              messageId: h?.get('Nats-Msg-Id') ?? '',
              payload: data,
            });
          }),
        onStats: (listener) =>
          hear(`${root}.stats.*`, (message) => listener(message.subject.split('.').at(-1) ?? '', message.json<Json>())),
        onControl: (org, worker, listener) => hear(`${root}.ctl.${org}.${worker}`, ({ data }) => listener(data)),
        beat: async (org, worker, payload) => nc.publish(`${root}.hb.${org}.${worker}`, json(payload)),
        publish: ({ org, verb, payload, idempotencyKey, replyTo }) =>
          put(`${root}.in.${org}.${verb}`, payload, {
            ...(idempotencyKey === undefined ? {} : { [header.idempotencyKey]: idempotencyKey }),
            ...(replyTo === undefined ? {} : { [header.replyTo]: replyTo }),
          }),
        disconnect: () => proxy.close(),
        reconnect: () => proxy.listen(),
        wipe: corner.wipe,
        rollBack: async (sequence) => {
          const { state } = await jsm.streams.info(names.cmd);
          for (let at = sequence + 1; at <= state.last_seq; at++) await jsm.streams.deleteMessage(names.cmd, at);
        },
        end: async () => {
          await link.close();
          await bus.close();
          await proxy.close();
          await corner.end();
        },
      };
    },
    { streamBytesMax: 64 * 1024 },
  );
});
