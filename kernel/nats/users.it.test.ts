import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedNats, startNats } from '../../cli/embedded/index.ts';
import { natsAccounts, type StoredNatsUser } from '../../cli/nats-users.ts';
import { epoch, generation, positionOf, seq, shard } from '../brand.ts';
import type { Bus, LaneMessage } from '../bus.ts';
import type { Envelope, Json, Reply } from '../envelope.ts';
import { until } from '../testing/until.ts';
import { openGatewayLink, openInPublisher, openNatsBus, openWorkerLink } from './index.ts';
import { namesOf } from './names.ts';

/** Each user may do what its side of the bus does, and nothing besides (I10). */
const password = 'x';
const route = { pool: 'default', type: 'noop' };
const stored: readonly StoredNatsUser[] = [
  { user: 'kernel', password, role: 'kernel' },
  { user: 'gateway', password, role: 'gateway' },
  { user: 'worker', password, role: 'worker' },
  { user: 'worker-acme', password, role: 'worker', org: 'acme', pools: [route.pool], types: [route.type] },
  { user: 'publisher-acme', password, role: 'publisher', org: 'acme' },
];
const users = natsAccounts(stored);
const { work } = namesOf();
const home = shard(3);
const start = { generation: generation(1), sequence: 0, time: '0' };

let directory: string;
let server: EmbeddedNats;
let bus: Bus;
const troubles: string[] = [];
const closing: { close(): Promise<void> }[] = [];
const options = (user: string) => ({ url: server.url, user, password, name: user });

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

test('a user that is made while the server runs may do the same, and nobody else notices', async () => {
  const seen: string[] = [];
  bus.onConnection((state) => void seen.push(state));
  await server.reload(natsAccounts([...stored, { user: 'publisher-zeta', password, role: 'publisher', org: 'zeta' }]));
  const publisher = await openInPublisher(options('publisher-zeta'), 'zeta', 'p2');
  closing.push(publisher);
  const heard: string[] = [];
  publisher.onEvents('goal', 'gl_3', (events) => void heard.push(JSON.stringify(events)));
  const ingress = await bus.openIngress(async ({ replyTo }) => bus.reply(replyTo as string, ok('published')));
  const { reply } = await publisher.publish('goal.submit', { n: 1 }, 5000);
  expect(await reply).toEqual(ok('published'));
  await ingress.stop();
  const about = { org: 'zeta', actorType: 'goal', actorId: 'gl_3', types: ['X'], generation: generation(1) };
  await bus.sendEvents({ ...about, messageId: '3:3', payload: Buffer.from('[3]') });
  await until(() => heard.length > 0);
  expect(heard).toEqual(['[3]']);
  expect(seen).toEqual([]);
});

/** A connection, and what it was told that it may not do. */
async function stranger(user: string): Promise<{ nc: NatsConnection; denied: string[] }> {
  const nc = await connect({ servers: server.url, user, pass: password, inboxPrefix: `_INBOX.${user}` });
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

/**
 * A server answers under whatever subject a message names for it, and is held by no permission: its answers to a user of
 * one org must not become anybody's command, publication or request.
 */
describe('what the server answers to a user of one org', () => {
  const elsewhere = [
    'astra.in.zeta.goal.submit',
    'astra.cmd.3.zeta.batch',
    'astra.cmd.3.acme.goal',
    'astra.chan.3.4',
    'astra.work.zeta.default.noop.normal',
    'astra.evt.zeta.goal.gl_1',
    'astra.log.3',
    'astra.reply.zeta.p.1',
    'astra.ctl.zeta.wk_1',
    '_INBOX.kernel.x',
    '$JS.API.STREAM.DELETE.CHAN',
  ];

  /** What the roles' account hears of it, and what its streams hold. */
  async function inside(): Promise<{ heard: string[]; streams: () => Promise<string[]> }> {
    const { nc } = await stranger('kernel');
    const heard: string[] = [];
    for (const subject of ['astra.>', '_INBOX.kernel.x'])
      nc.subscribe(subject, { callback: (_error, message) => void heard.push(message.subject) });
    await nc.flush();
    const jsm = await jetstreamManager(nc, { checkAPI: false });
    const streams = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { config } of jsm.streams.list()) found.push(config.name);
      return found.sort();
    };
    return { heard, streams };
  }

  test('a PubAck goes nowhere but to itself (I10)', async () => {
    for (const [user, own] of [
      ['publisher-acme', 'astra.in.acme.goal.submit'],
      ['worker-acme', 'astra.logs.acme.gl_1.a'],
      ['worker-acme', 'astra.cmd.3.acme.batch'],
    ] as const) {
      const { heard, streams } = await inside();
      const before = await streams();
      const { nc } = await stranger(user);
      for (const reply of elsewhere) nc.publish(own, 'x', { reply });
      // Behind the others in the same stream: what was answered to them has been sent.
      const last = await nc.request(own, 'x');
      expect(last.json()).toHaveProperty('seq');
      await until(() => heard.filter((subject) => subject === own).length > elsewhere.length);
      expect(heard.filter((subject) => subject !== own)).toEqual([]);
      expect(await streams()).toEqual(before);
    }
  });

  test('pulled work, and the acknowledgement of an ack, go nowhere but to itself (I10)', async () => {
    const { heard, streams } = await inside();
    const before = await streams();
    const { nc } = await stranger('worker-acme');
    const subject = `astra.work.acme.${route.pool}.${route.type}.high`;
    const next = `$JS.API.CONSUMER.MSG.NEXT.${work}.acme=${route.pool}=${route.type}=high`;
    for (let i = 0; i <= elsewhere.length; i++)
      await bus.sendWork({ org: 'acme', ...route, lane: 'high', messageId: `3:2:${i}`, payload: Buffer.from('[]') });
    const request = JSON.stringify({ batch: 1, expires: 1e9 });
    for (const reply of elsewhere) nc.publish(next, request, { reply });
    // Behind the others: what was answered to them has been sent.
    const pulled: string[] = [];
    nc.subscribe('_INBOX.worker-acme.pulled', {
      callback: (_error, message) => void pulled.push(message.reply ?? ''),
    });
    nc.publish(next, request, { reply: '_INBOX.worker-acme.pulled' });
    const ack = await until(() => pulled[0]);
    for (const reply of elsewhere) nc.publish(ack, '+WPI', { reply });
    for (const reply of elsewhere) nc.publish(ack, '+ACK', { reply });
    await nc.request(ack, '+ACK');
    await until(() => heard.filter((one) => one === subject).length > elsewhere.length);
    expect(heard.filter((one) => one !== subject)).toEqual([]);
    expect(await streams()).toEqual(before);
  });
});
