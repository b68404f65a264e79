import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { generation, positionOf, seq, shard } from '../brand.ts';
import type { Bus, LaneMessage } from '../bus.ts';
import { SystemClock } from '../clock.ts';
import type { CommandClient, WorkerLink, WorkMessage } from '../edge.ts';
import type { Envelope, Json, Reply } from '../envelope.ts';
import { type Kernel, startKernel } from '../kernel.ts';
import { MemoryLog } from '../memory/log.ts';
import { SystemRandom } from '../random.ts';
import { testBehaviors } from '../testing/behaviors.ts';
import { type NatsCorner, natsCorner } from '../testing/nats.ts';
import { TcpProxy } from '../testing/tcp-proxy.ts';
import { until } from '../testing/until.ts';
import { boxId } from '../testing/world.ts';
import { openGatewayLink, openNatsBus, openWorkerLink } from './index.ts';
import { workDurable } from './names.ts';

let corner: NatsCorner;
let proxy: TcpProxy;
let bus: Bus;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  corner = await natsCorner(inject('natsUrl'));
  proxy = new TcpProxy(inject('natsUrl'));
  await proxy.listen();
  bus = await openNatsBus(corner.options('kernel'), () => {});
  await bus.inspect(generation(1), new Map());
  cleanups.push(
    () => corner.end(),
    () => proxy.close(),
    () => bus.close(),
  );
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const home = shard(0);
const start = { generation: generation(1), sequence: 0, time: '0' };
let commands = 0;
const envelope = (more: Partial<Envelope> = {}): Envelope => {
  const id = `command-${++commands}`;
  const to = { org: 'acme', type: 'box', id: boxId('a') };
  return { to, verb: 'open', id, body: { text: 'a' }, principal: 'key:k', correlationId: id, hops: 0, ...more };
};
const ok = (id: string): Reply => ({ ok: true, position: positionOf(home, seq(1)), id });
const reply = (message: LaneMessage): void => {
  const entry = message.entries[0];
  if (entry?.ok && entry.envelope.replyTo !== undefined) bus.reply(entry.envelope.replyTo, ok(entry.envelope.id));
};

async function gateway(url?: string, onBack: () => void = () => {}): Promise<CommandClient> {
  const link = await openGatewayLink(
    corner.options('gateway', url),
    { shards: 1, ids: () => ({ prefix: 'bx' }), client: `g${++commands}` },
    () => {},
  );
  link.tail.onConnection((state) => {
    if (state === 'back') onBack();
  });
  cleanups.push(() => link.close());
  return link.commands;
}

describe('a client of commands', () => {
  it('is told that the outcome is unknown when nobody answers in time, and is not confused by a late answer', async () => {
    const client = await gateway();
    const heard: LaneMessage[] = [];
    await bus.openLane(home, start, (message) => void heard.push(message));
    await expect(client.send(envelope(), 50)).rejects.toMatchObject({ kind: 'indeterminate', code: 'outcome_unknown' });
    await until(() => heard.length === 1);
    const second = envelope();
    const sent = client.send(second, 10_000);
    await until(() => heard.length === 2);
    for (const message of heard) reply(message);
    expect(await sent).toEqual(ok(second.id));
  });

  it('gets each answer to the command it is for, however they are mixed', async () => {
    const client = await gateway();
    const heard: LaneMessage[] = [];
    await bus.openLane(home, start, (message) => void heard.push(message));
    const envelopes = Array.from({ length: 50 }, () => envelope());
    const sent = Promise.all(envelopes.map((one) => client.send(one, 10_000)));
    await until(() => heard.length === 50);
    for (const message of [...heard].reverse()) reply(message);
    expect(await sent).toEqual(envelopes.map(({ id }) => ok(id)));
  });

  it('takes nothing for an answer that is none', async () => {
    const client = await gateway();
    const sent = client.send(envelope(), 10_000);
    await bus.openLane(home, start, async (message) => {
      const entry = message.entries[0];
      if (!entry?.ok) return;
      const subject = entry.envelope.replyTo as string;
      for (const nonsense of ['', 'nonsense', '{"stream":"CMD","seq":1}', 'null', '[null]'])
        corner.nc.publish(subject, nonsense);
      await corner.nc.flush();
      reply(message);
    });
    expect(await sent).toMatchObject({ ok: true });
  });

  it('is told at once when there is no connection', async () => {
    const client = await gateway(proxy.url);
    await proxy.close();
    await until(() => !client.connected);
    await expect(client.send(envelope(), 60_000)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'bus_unavailable',
    });
    await proxy.listen();
  });

  it('does not say that a command was not taken of which it only did not hear so', async () => {
    let returns = 0;
    const client = await gateway(proxy.url, () => returns++);
    const heard: LaneMessage[] = [];
    await bus.openLane(home, start, (message) => void heard.push(message));
    // The server hears the command; its acknowledgement goes nowhere, and then the connection.
    proxy.mode = 'deafen';
    const first = envelope();
    let answer: Reply | undefined;
    const sent = client.send(first, 20_000).then((got) => {
      answer = got;
    });
    await until(() => heard.length === 1);
    proxy.cut();
    await until(() => returns === 1);
    // The server may not know yet that the client listens again.
    await until(() => {
      reply(heard[0] as LaneMessage);
      return answer !== undefined;
    });
    await sent;
    expect(answer).toEqual(ok(first.id));
    proxy.mode = 'deafen';
    const second = client.send(envelope(), 300);
    await expect(second).rejects.toMatchObject({ kind: 'indeterminate', code: 'outcome_unknown' });
    proxy.cut();
  });

  it('is answered when its events are committed, and not before (I1)', async () => {
    await bus.close();
    const log = new MemoryLog(new SystemClock(), new SystemRandom(), 1);
    const kernel = await kernelOn(log);
    const client = await gateway();
    let away = true;
    log.fault = (parts) => (away && parts.some(({ events }) => events.length > 0) ? 'unavailable' : undefined);
    let tried = 0;
    const { commit } = log;
    log.commit = (parts) => {
      if (parts.some(({ events }) => events.length > 0)) tried++;
      return commit.call(log, parts);
    };
    let answered = false;
    const sent = client.send(envelope(), 30_000).then((answer) => {
      answered = true;
      return answer;
    });
    await until(() => tried > 1);
    await corner.nc.flush();
    expect(answered).toBe(false);
    expect(log.all(home)).toEqual([]);
    away = false;
    expect(await sent).toMatchObject({ ok: true, position: '0:1', id: boxId('a') });
    expect(log.all(home)).toHaveLength(1);
    await kernel.stop();
  });
});

async function kernelOn(log: MemoryLog): Promise<Kernel> {
  bus = await openNatsBus(corner.options('kernel'), () => {});
  const quiet = { info: () => {}, warn: () => {}, error: () => {} };
  const kernel = await startKernel({
    log,
    bus,
    clock: new SystemClock(),
    random: new SystemRandom(),
    logger: quiet,
    behaviors: testBehaviors,
    translate: () => envelope(),
    parkPublication: () => envelope(),
    idempotencyDays: 7,
    eventsFor: () => true,
    onDefect: (error) => {
      throw error;
    },
  });
  await kernel.ready;
  return kernel;
}

describe('a worker’s side', () => {
  const route = { pool: 'default', type: 'noop' };
  const offer = (payload: string, lane: 'high' | 'normal' | 'low' = 'normal') =>
    bus.sendWork({ org: 'acme', ...route, lane, messageId: `0:1:${++commands}`, payload: Buffer.from(payload) });

  async function worker(url?: string): Promise<WorkerLink> {
    const link = await openWorkerLink(corner.options('worker', url), {
      shards: 1,
      workerIds: { prefix: 'wk' },
      org: 'acme',
      client: `w${++commands}`,
    });
    cleanups.push(() => link.close());
    return link;
  }
  const textOf = ({ payload }: WorkMessage): string => Buffer.from(payload).toString();

  it('asks for work while it has credit, and again when it has some', async () => {
    const link = await worker();
    const taken: string[] = [];
    let credit = 0;
    await link.pull('acme', [route], {
      credit: () => credit,
      deliver: (message) => {
        taken.push(textOf(message));
        credit--;
        message.ack();
      },
    });
    await offer('a');
    await offer('b');
    // The server answers in order: had anything been asked for, it would have come before this.
    link.heartbeat('acme', 'wk_1', {});
    await corner.nc.flush();
    expect(taken).toEqual([]);
    credit = 2;
    link.heartbeat('acme', 'wk_1', {});
    await until(() => taken.length === 2);
    await offer('c');
    credit = 1;
    link.heartbeat('acme', 'wk_1', {});
    await until(() => taken.length === 3);
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('gets what was not acknowledged once more, and what was acknowledged never', async () => {
    const link = await worker();
    const taken: [string, boolean][] = [];
    await offer('kept');
    await offer('dropped');
    // The server waits for less than it would, so that nobody has to.
    await corner.jsm.consumers.update(corner.names.work, workDurable('acme', route.pool, route.type, 'normal'), {
      ack_wait: 200_000_000,
    });
    await link.pull('acme', [route], {
      credit: () => 8,
      deliver: (message) => {
        taken.push([textOf(message), message.redelivered]);
        if (textOf(message) === 'kept' || message.redelivered) message.ack();
      },
    });
    await until(() => taken.length === 3);
    expect(taken).toEqual([
      ['kept', false],
      ['dropped', false],
      ['dropped', true],
    ]);
    await until(async () => (await corner.jsm.streams.info(corner.names.work)).state.messages === 0);
  });

  it('finds routes that are made after it asks for them', async () => {
    const link = await worker();
    const taken: string[] = [];
    await link.pull('acme', [route], { credit: () => 8, deliver: (message) => void taken.push(textOf(message)) });
    for (const lane of ['low', 'normal', 'high'] as const) await offer(lane, lane);
    await until(() => taken.length === 3);
  });

  it('hears none of the work of another connection of its user', async () => {
    const [one, other] = [await worker(), await worker()];
    const taken: [string, string][] = [];
    const pull = (link: WorkerLink, name: string, credit: number) =>
      link.pull('acme', [route], {
        credit: () => credit,
        deliver: (message) => {
          taken.push([name, textOf(message)]);
          message.ack();
        },
      });
    await pull(one, 'one', 8);
    await pull(other, 'other', 8);
    for (let i = 0; i < 40; i++) await offer(String(i));
    await until(() => taken.length >= 40);
    expect(taken.map(([, text]) => Number(text)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, i) => i),
    );
  });

  it('goes on asking after the connection was lost', async () => {
    const link = await worker(proxy.url);
    const taken: string[] = [];
    await link.pull('acme', [route], {
      credit: () => 8,
      deliver: (message) => {
        taken.push(textOf(message));
        message.ack();
      },
    });
    await offer('before');
    await until(() => taken.length === 1);
    let returns = 0;
    link.onConnection((state) => {
      if (state === 'back') returns++;
    });
    proxy.cut();
    await until(() => returns === 1);
    await offer('after');
    await until(() => taken.includes('after'));
  });

  it('gets one answer for each entry of a batch, or is told that the outcome is unknown', async () => {
    const link = await worker();
    const entries = ['a', 'b', 'c'].map((id) => ({
      to: `gl_1.${id}`,
      command: 'claim' as const,
      id,
      body: { worker: 'wk_1' } as Json,
    }));
    await expect(link.sendBatch(home, 'acme', entries, 50)).rejects.toMatchObject({ code: 'outcome_unknown' });
    await bus.openLane(home, start, (message) => {
      if (message.replyTo === undefined) return;
      bus.reply(
        message.replyTo,
        message.entries.map((entry) => ok(entry.ok ? entry.envelope.id : 'bad')),
      );
    });
    expect(await link.sendBatch(home, 'acme', entries, 10_000)).toEqual([ok('a'), ok('b'), ok('c')]);
  });
});
