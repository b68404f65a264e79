import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedNats, type NatsUser, startNats } from '../../cli/embedded/index.ts';
import { epoch, generation, positionOf, seq, shard } from '../brand.ts';
import type { Bus, LaneMessage } from '../bus.ts';
import type { Envelope, Json, Reply } from '../envelope.ts';
import { until } from '../testing/until.ts';
import { openGatewayLink, openInPublisher, openNatsBus, openWorkerLink } from './index.ts';
import { namesOf } from './names.ts';
import { type NatsPermissions, publisherPermissions, rolePermissions, workerPermissions } from './users.ts';

/** Each user may do what its side of the bus does, and nothing besides (I10). */
const userOf = (user: string, { publish, subscribe }: NatsPermissions): NatsUser => ({
  user,
  password: 'x',
  permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } },
});
const route = { pool: 'default', type: 'noop' };
const users = [
  userOf('kernel', rolePermissions('kernel', 'kernel')),
  userOf('gateway', rolePermissions('gateway', 'gateway')),
  userOf('worker', rolePermissions('worker', 'worker')),
  userOf('worker-acme', workerPermissions('acme', 'worker-acme', [route.pool], [route.type])),
  userOf('publisher-acme', publisherPermissions('acme', 'publisher-acme')),
];
const { work } = namesOf();
const home = shard(3);
const start = { generation: generation(1), sequence: 0, time: '0' };

let directory: string;
let server: EmbeddedNats;
let bus: Bus;
const troubles: string[] = [];
const closing: { close(): Promise<void> }[] = [];
const options = (user: string) => ({ url: server.url, user, password: 'x', name: user });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'astra-users-'));
  server = await startNats({ dataDir: directory, users, maxPayloadBytes: 8 * 1024 * 1024, orphanGraceMs: 1000 });
  bus = await openNatsBus(options('kernel'), (message) => void troubles.push(message));
  await bus.inspect(generation(1), new Map());
  await bus.openLane(home, start, answer);
});
afterAll(async () => {
  for (const one of closing) await one.close();
  await bus?.close();
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const ok = (id: string): Reply => ({ ok: true, position: positionOf(home, seq(1)), id });

/** Says ok to everything on its lane. */
function answer(message: LaneMessage): void {
  const replies = message.entries.map((entry) => ok(entry.ok ? entry.envelope.id : entry.reason));
  const first = message.entries[0];
  if (message.replyTo !== undefined) bus.reply(message.replyTo, replies);
  else if (first?.ok && first.envelope.replyTo !== undefined) bus.reply(first.envelope.replyTo, replies[0] as Reply);
}

describe('what a role does, its user may do', () => {
  test('the kernel: lanes, channels, publications, work, events, and what it says without acknowledgement', async () => {
    const heard: string[] = [];
    await bus.openChannels(home, ({ n }) => void heard.push(`effect ${n}`));
    await bus.onHeads((heads) => void heard.push(`heads of ${heads[0]?.shard}`));
    const ingress = await bus.openIngress(async ({ verb }) => void heard.push(`publication ${verb}`));
    await bus.sendChannel(home, shard(4), 1, Buffer.from('x'));
    await bus.sendEvents({
      org: 'acme',
      actorType: 'goal',
      actorId: 'gl_1',
      types: ['X'],
      generation: generation(1),
      messageId: '3:1',
      payload: Buffer.from('[]'),
    });
    bus.sendHeads([{ shard: home, epoch: epoch(1), seq: seq(1), hash: '00' }]);
    const publisher = await openInPublisher(options('publisher-acme'), 'acme', 'p0');
    closing.push(publisher);
    await publisher.publish('goal.submit', {}, 5000);
    await until(() => heard.length === 3);
    expect(heard.sort()).toEqual(['effect 1', 'heads of 3', 'publication goal.submit']);
    await bus.purge(home, 1, 1);
    await ingress.stop();
    expect(troubles).toEqual([]);
  });

  test('a gateway: commands and their answers, commits, figures, and the output of tasks', async () => {
    const gateway = await openGatewayLink(
      options('gateway'),
      { shards: 1, ids: () => ({ prefix: 'gl' }), client: 'g' },
      (message) => troubles.push(message),
    );
    closing.push(gateway);
    const heard: string[] = [];
    await bus.openLane(shard(0), start, answer);
    const envelope: Envelope = {
      to: { org: 'acme', type: 'goal', id: 'gl_00000000000000000000000001' },
      verb: 'submit',
      id: 'c1',
      body: {},
      principal: 'key:k',
      correlationId: 'c1',
      hops: 0,
    };
    expect(await gateway.commands.send(envelope, 5000)).toEqual(ok('c1'));
    await gateway.tail.onHeads(() => void heard.push('heads'));
    await gateway.tail.onStats((owner) => void heard.push(`stats of ${owner}`));
    await gateway.taskOutput('acme', 'gl_1.a', (piece) => void heard.push(`output ${JSON.stringify(piece)}`));
    const worker = await openWorkerLink(options('worker'), {
      shards: 1,
      workerIds: { prefix: 'wk' },
      org: 'acme',
      client: 'w',
    });
    closing.push(worker);
    await until(() => {
      bus.sendHeads([]);
      bus.sendStats('kn_1', {});
      worker.sendOutput('acme', 'gl_1.a', { text: 'x' });
      return new Set(heard).size === 3;
    });
    expect(troubles).toEqual([]);
  });

  test.each(['worker', 'worker-acme'])('a worker (%s): pulls, answers, registers, is told and tells', async (user) => {
    const worker = await openWorkerLink(options(user), {
      shards: 1,
      workerIds: { prefix: 'wk' },
      org: 'acme',
      client: user,
    });
    closing.push(worker);
    await bus.openLane(shard(0), start, answer);
    const taken: string[] = [];
    const pulling = await worker.pull('acme', [route], {
      credit: () => 4,
      deliver: (message) => {
        taken.push(Buffer.from(message.payload).toString());
        message.ack();
      },
    });
    await bus.sendWork({
      org: 'acme',
      ...route,
      lane: 'normal',
      messageId: `3:1:${user}`,
      payload: Buffer.from(user),
    });
    await until(() => taken.includes(user));
    await pulling.stop();
    const entry = { to: 'gl_1.a', command: 'claim', id: 'e1', body: { worker: 'wk_1' } } as const;
    expect(await worker.sendBatch(home, 'acme', [entry], 5000)).toEqual([ok('e1')]);
    const id = 'wk_00000000000000000000000001';
    expect(await worker.sendWorker('acme', id, 'register', 'r1', {}, 5000)).toEqual(ok('r1'));
    const told: Json[] = [];
    await worker.onControl('acme', id, (message) => void told.push(message));
    const beats: string[] = [];
    const listening = await bus.onHeartbeat((org, from) => void beats.push(`${org}/${from}`));
    await until(() => {
      worker.heartbeat('acme', id, {});
      bus.sendControl('acme', id, Buffer.from('{}'));
      return told.length > 0 && beats.includes(`acme/${id}`);
    });
    await listening.stop();
  });

  test('a publisher: publishes, is answered, and hears the events of its org', async () => {
    const publisher = await openInPublisher(options('publisher-acme'), 'acme', 'p1');
    closing.push(publisher);
    const heard: string[] = [];
    publisher.onEvents('goal', 'gl_2', (events) => void heard.push(JSON.stringify(events)));
    const ingress = await bus.openIngress(async ({ replyTo }) => bus.reply(replyTo as string, ok('published')));
    const { reply } = await publisher.publish('goal.submit', { n: 1 }, 5000, { idempotencyKey: 'k' });
    expect(await reply).toEqual(ok('published'));
    await bus.sendEvents({
      org: 'acme',
      actorType: 'goal',
      actorId: 'gl_2',
      types: ['X'],
      generation: generation(1),
      messageId: '3:2',
      payload: Buffer.from('[1]'),
    });
    await until(() => heard.length > 0);
    expect(heard).toEqual(['[1]']);
    await ingress.stop();
  });
});

/** A connection, and what it was told that it may not do. */
async function stranger(user: string): Promise<{ nc: NatsConnection; denied: string[] }> {
  const nc = await connect({ servers: server.url, user, pass: 'x', inboxPrefix: `_INBOX.${user}` });
  closing.push(nc);
  const denied: string[] = [];
  void (async () => {
    for await (const status of nc.status())
      if (status.type === 'error')
        denied.push(/"([^"]+)"/.exec(String(status.error.message))?.[1] ?? String(status.error.message));
  })();
  return { nc, denied };
}

const closed = {
  'worker-acme': {
    publish: [
      'astra.cmd.3.zeta.batch',
      'astra.cmd.3.zeta.worker',
      'astra.cmd.3.acme.goal',
      'astra.cmd.3.acme.worker._inside',
      'astra.hb.zeta.wk_1',
      'astra.logs.zeta.gl_1.a',
      'astra.chan.3.4',
      'astra.log.3',
      'astra.evt.acme.goal.gl_1',
      'astra.work.acme.default.noop.normal',
      'astra.in.acme.goal.submit',
      'astra.heads',
      'astra.ctl.acme.wk_1',
      'astra.reply.acme.w.1',
      `$JS.API.CONSUMER.MSG.NEXT.${work}.zeta=default=noop=normal`,
      `$JS.API.CONSUMER.MSG.NEXT.${work}.acme=gpu=noop=normal`,
      `$JS.API.CONSUMER.MSG.NEXT.IN.forwarder`,
      `$JS.ACK.${work}.zeta=default=noop=normal.1.1.1.1.0`,
      `$JS.API.CONSUMER.CREATE.CMD`,
      `$JS.API.STREAM.INFO.${work}`,
      `$JS.API.STREAM.MSG.GET.CMD`,
      `$JS.API.DIRECT.GET.CMD`,
      `$JS.API.STREAM.DELETE.CMD`,
      '_INBOX.kernel.x',
    ],
    subscribe: [
      'astra.>',
      'astra.cmd.>',
      'astra.chan.>',
      'astra.log.>',
      'astra.evt.acme.>',
      'astra.work.>',
      'astra.reply.zeta.>',
      'astra.reply._gateway.>',
      'astra.ctl.zeta.wk_1',
      '_INBOX.worker.>',
      '_INBOX.>',
    ],
  },
  'publisher-acme': {
    publish: [
      'astra.in.zeta.goal.submit',
      'astra.cmd.3.acme.goal',
      'astra.cmd.3.acme.batch',
      'astra.chan.3.4',
      'astra.log.3',
      'astra.hb.acme.wk_1',
      'astra.reply.acme.p.1',
      '$JS.API.CONSUMER.CREATE.EVT',
      '$JS.API.STREAM.INFO.EVT',
      '$JS.API.STREAM.MSG.GET.EVT',
      '$JS.API.STREAM.PURGE.IN',
    ],
    subscribe: [
      'astra.>',
      'astra.cmd.>',
      'astra.chan.>',
      'astra.log.>',
      'astra.evt.zeta.>',
      'astra.reply.zeta.>',
      'astra.hb.>',
      '_INBOX.>',
    ],
  },
  worker: {
    publish: [
      'astra.cmd.3.acme.goal',
      'astra.cmd.3.acme.agent',
      'astra.chan.3.4',
      'astra.log.3',
      'astra.in.acme.goal.submit',
      '$JS.API.STREAM.DELETE.CMD',
    ],
    subscribe: ['astra.cmd.>', 'astra.chan.>', 'astra.log.>', 'astra.evt.>', '_INBOX.kernel.>'],
  },
  gateway: {
    publish: [
      'astra.chan.3.4',
      'astra.log.3',
      'astra.work.acme.default.noop.normal',
      'astra.evt.acme.goal.gl_1',
      'astra.in.acme.goal.submit',
      '$JS.API.STREAM.DELETE.CMD',
      '$JS.API.STREAM.PURGE.LOG',
      '$JS.API.CONSUMER.CREATE.CMD',
    ],
    subscribe: ['astra.cmd.>', 'astra.chan.>', 'astra.reply.acme.>', 'astra.in.>', '_INBOX.kernel.>'],
  },
} as const;

describe.each(Object.entries(closed))('to %s', (user, { publish, subscribe }) => {
  test('what is not its own is closed', async () => {
    const { nc, denied } = await stranger(user);
    for (const subject of publish) nc.publish(subject, 'x');
    for (const subject of subscribe) nc.subscribe(subject, { callback: () => {} });
    await nc.flush();
    const all = [...publish, ...subscribe].sort();
    await until(() => denied.length >= all.length);
    expect([...denied].sort()).toEqual(all);
  });
});
