import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epoch, generation, type Shard, seq, shard } from '../brand.ts';
import type {
  Bus,
  ChannelMessage,
  EventMessage,
  Head,
  LaneMessage,
  Publication,
  Subscription,
  WorkOffer,
} from '../bus.ts';
import type { Envelope, Json, Reply } from '../envelope.ts';
import type { LanePosition } from '../log.ts';
import { until } from './until.ts';

/** One bus without any streams, and everybody around the kernel. */
export interface BusWorld {
  readonly bus: Bus;
  /** What subjects of answers begin with. */
  readonly replyRoot: string;
  /** Puts a worker's batch on a lane. */
  sendBatch(shard: Shard, org: string, entries: Json, replyTo?: string): Promise<void>;
  /** Puts something on a lane that is no command. */
  sendNonsense(shard: Shard, org: string): Promise<void>;
  onReply(subject: string, listener: (reply: Reply | readonly Reply[]) => void): Promise<void>;
  /** Takes what is offered on this route. */
  onWork(org: string, pool: string, type: string, listener: (payload: Uint8Array) => void): Promise<void>;
  onLog(listener: (shard: Shard, message: Uint8Array) => void): Promise<void>;
  onEvents(listener: (events: EventMessage) => void): Promise<void>;
  onStats(listener: (owner: string, stats: Json) => void): Promise<void>;
  onControl(org: string, worker: string, listener: (payload: Uint8Array) => void): Promise<void>;
  beat(org: string, worker: string, payload: Json): Promise<void>;
  publish(publication: Pick<Publication, 'org' | 'verb' | 'payload' | 'idempotencyKey' | 'replyTo'>): Promise<number>;
  disconnect(): Promise<void>;
  reconnect(): Promise<void>;
  /** The storage is gone, as if it had never been. */
  wipe(): Promise<void>;
  /** The storage is as it was when this was the last lane message. */
  rollBack(sequence: number): Promise<void>;
  end(): Promise<void>;
}

export interface BusLimits {
  readonly streamBytesMax?: number;
}

const home = shard(3);
const other = shard(4);
const first = generation(1);
const start: LanePosition = { generation: first, sequence: 0, time: '0' };
const positionOf = (message: LaneMessage | undefined): LanePosition => (message as LaneMessage).position;

/** What every {@link Bus} has to keep. `streamBytesMax` is a small bound of a stream. */
export function busContract(
  open: (limits: BusLimits) => Promise<BusWorld>,
  { streamBytesMax }: { readonly streamBytesMax: number },
): void {
  let world: BusWorld;
  let bus: Bus;
  let replyRoot: string;
  let commands = 0;
  const begin = async (limits: BusLimits = {}): Promise<void> => {
    world = await open(limits);
    bus = world.bus;
    replyRoot = world.replyRoot;
  };
  afterEach(() => world?.end());

  const envelope = (more: Partial<Envelope> = {}): Envelope => {
    const id = `command-${++commands}`;
    return {
      to: { org: 'acme', type: 'goal', id: 'gl_00000000000000000000000001' },
      verb: 'submit',
      id,
      body: { n: commands },
      principal: 'key:k1',
      correlationId: id,
      hops: 0,
      ...more,
    };
  };
  /** Puts commands on a lane without waiting between them; resolves with their ids. */
  const send = async (of: Shard, count: number): Promise<string[]> => {
    const envelopes = Array.from({ length: count }, () => envelope());
    await Promise.all(envelopes.map((one) => bus.sendCommand(of, one)));
    return envelopes.map(({ id }) => id);
  };
  const idsOf = (messages: readonly LaneMessage[]): string[] =>
    messages.flatMap(({ entries }) => entries.map((entry) => (entry.ok ? entry.envelope.id : entry.reason)));
  /** Reads a lane into a list. */
  const read = async (
    of: Shard,
    from: LanePosition = start,
  ): Promise<{ readonly messages: LaneMessage[]; readonly subscription: Subscription }> => {
    const messages: LaneMessage[] = [];
    return { messages, subscription: await bus.openLane(of, from, (message) => void messages.push(message)) };
  };

  describe('looking at what it knows', () => {
    beforeEach(() => begin());

    it('makes its streams where there are none', async () => {
      expect(await bus.inspect(first, new Map())).toMatchObject({ state: 'level', highestSequence: 0 });
      const { messages } = await read(home);
      const ids = await send(home, 1);
      await until(() => messages.length === 1);
      expect(idsOf(messages)).toEqual(ids);
      expect(await bus.inspect(first, new Map())).toMatchObject({ state: 'level' });
    });

    it('is level with the message that was consumed last, and tells how far it came', async () => {
      await bus.inspect(first, new Map());
      const { messages } = await read(home);
      await send(home, 3);
      await until(() => messages.length === 3);
      for (const { position } of messages)
        expect(await bus.inspect(first, new Map([[home, position]]))).toMatchObject({ state: 'level' });
      const { highestSequence } = await bus.inspect(first, new Map());
      expect(highestSequence).toBeGreaterThanOrEqual(positionOf(messages.at(-1)).sequence);
    });

    it('forgot when its streams are gone, unless nothing was consumed', async () => {
      await bus.inspect(first, new Map());
      const { messages } = await read(home);
      await send(home, 1);
      await until(() => messages.length === 1);
      await world.wipe();
      const lanes = new Map([[home, positionOf(messages[0])]]);
      expect(await bus.inspect(first, lanes)).toMatchObject({ state: 'forgot', reason: expect.any(String) });
      expect(await bus.inspect(first, new Map([[home, start]]))).toMatchObject({ state: 'level' });
    });

    it('forgot when it was rolled back before what was consumed', async () => {
      await bus.inspect(first, new Map());
      const { messages } = await read(home);
      await send(home, 5);
      await until(() => messages.length === 5);
      await world.rollBack(positionOf(messages[2]).sequence);
      expect((await bus.inspect(first, new Map([[home, positionOf(messages[2])]]))).state).toBe('level');
      expect((await bus.inspect(first, new Map([[home, positionOf(messages[4])]]))).state).toBe('forgot');
    });

    it('forgot when another message has taken the place of the one that was consumed', async () => {
      await bus.inspect(first, new Map());
      const { messages } = await read(home);
      await send(home, 2);
      await until(() => messages.length === 2);
      await world.wipe();
      await bus.inspect(first, new Map());
      await send(home, 2);
      expect((await bus.inspect(first, new Map([[home, positionOf(messages[1])]]))).state).toBe('forgot');
    });

    it('forgot when the streams of a later generation are gone, whatever was consumed', async () => {
      await bus.inspect(first, new Map());
      await bus.recreate(generation(2), 100);
      await world.wipe();
      expect((await bus.inspect(generation(2), new Map())).state).toBe('forgot');
    });

    it('forgot when it is of another generation', async () => {
      await bus.inspect(first, new Map());
      expect((await bus.inspect(generation(2), new Map())).state).toBe('forgot');
    });
  });

  describe('streams made anew', () => {
    beforeEach(async () => {
      await begin();
      await bus.inspect(first, new Map());
    });

    it('are empty, of their generation, and beyond every sequence seen', async () => {
      const before = await read(home);
      await send(home, 4);
      await bus.sendChannel(home, other, 1, Buffer.from('old'));
      await until(() => before.messages.length === 4);
      await before.subscription.stop();
      const { highestSequence } = await bus.inspect(first, new Map());
      await bus.recreate(generation(2), highestSequence + 1000);
      const { messages } = await read(home, { generation: generation(2), sequence: 0, time: '0' });
      const effects: ChannelMessage[] = [];
      await bus.openChannels(home, (message) => void effects.push(message));
      const ids = await send(home, 2);
      await bus.sendChannel(home, other, 1, Buffer.from('new'));
      await until(() => messages.length === 2 && effects.length === 1);
      expect(idsOf(messages)).toEqual(ids);
      expect(Buffer.from((effects[0] as ChannelMessage).envelope).toString()).toBe('new');
      for (const { position } of messages) {
        expect(position.generation).toBe(2);
        expect(position.sequence).toBeGreaterThan(highestSequence + 1000);
      }
      expect(await bus.inspect(generation(2), new Map([[home, positionOf(messages[1])]]))).toMatchObject({
        state: 'level',
      });
      expect((await bus.inspect(first, new Map())).state).toBe('forgot');
    });

    it('are left alone by who would make those of an earlier generation', async () => {
      await bus.recreate(generation(3), 100);
      const [id] = await send(home, 1);
      await expect(bus.recreate(generation(2), 200)).rejects.toMatchObject({ kind: 'unavailable' });
      expect((await bus.inspect(generation(3), new Map())).state).toBe('level');
      const { messages } = await read(home, { generation: generation(3), sequence: 0, time: '0' });
      await until(() => messages.length === 1);
      expect(idsOf(messages)).toEqual([id]);
    });

    it('take work on routes that were in use before', async () => {
      const taken: string[] = [];
      await bus.sendWork(work('normal', 'before'));
      await bus.recreate(generation(2), 100);
      await bus.sendWork(work('normal', 'after'));
      await world.onWork('acme', 'gpu', 'train', (payload) => void taken.push(Buffer.from(payload).toString()));
      await until(() => taken.length > 0);
      expect(taken).toEqual(['after']);
    });
  });

  describe('a lane', () => {
    beforeEach(async () => {
      await begin();
      await bus.inspect(first, new Map());
    });

    it('brings every command in order, with its place and time', async () => {
      const { messages } = await read(home);
      const ids = await send(home, 500);
      await until(() => messages.length >= 500);
      expect(idsOf(messages)).toEqual(ids);
      const positions = messages.map(positionOf);
      for (const position of positions) expect(position.generation).toBe(1);
      expect(
        positions.every(({ sequence }, i) => i === 0 || sequence > (positions[i - 1] as LanePosition).sequence),
      ).toBe(true);
      expect(
        positions.every(({ time }, i) => i === 0 || BigInt(time) >= BigInt((positions[i - 1] as LanePosition).time)),
      ).toBe(true);
      expect(messages.every(({ bytes }) => bytes > 0)).toBe(true);
    });

    it('brings a command as it was sent, and none of another shard', async () => {
      const { messages } = await read(home);
      const whole = envelope({
        to: { org: 'acme', type: 'agent', id: 'ag_00000000000000000000000001' },
        body: { text: 'Grüße, 🦊', deep: [{ n: 1.5 }, null, true] },
        keyed: 'command',
        fingerprint: 'f00d',
        replyTo: `${replyRoot}.acme.client.1`,
        correlationId: 'before',
        hops: 3,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        subject: 'Änne: 1',
      });
      await bus.sendCommand(other, envelope());
      await bus.sendCommand(home, whole);
      await until(() => messages.length > 0);
      expect(messages.map(({ entries }) => entries)).toEqual([[{ ok: true, envelope: whole }]]);
    });

    it('goes on behind any place of it, without a hole and without doubling', async () => {
      const before = await read(home);
      const ids = await send(home, 20);
      await until(() => before.messages.length === 20);
      await before.subscription.stop();
      const { messages } = await read(home, positionOf(before.messages[11]));
      const more = await send(home, 5);
      await until(() => messages.length >= 13);
      expect(idsOf(messages)).toEqual([...ids.slice(12), ...more]);
    });

    it('is held back by the promise that its reader returns', async () => {
      const held: (() => void)[] = [];
      const messages: LaneMessage[] = [];
      await bus.openLane(home, start, (message) => {
        messages.push(message);
        return new Promise<void>((resolve) => held.push(resolve));
      });
      const ids = await send(home, 60);
      for (let count = 1; count <= 60; count++) {
        await until(() => held.length === count);
        expect(messages).toHaveLength(count);
        held[count - 1]?.();
      }
      expect(idsOf(messages)).toEqual(ids);
    });

    it('brings nothing more once it is stopped', async () => {
      const { messages, subscription } = await read(home);
      await send(home, 1);
      await until(() => messages.length === 1);
      await subscription.stop();
      const next = await read(home);
      await send(home, 3);
      await until(() => next.messages.length === 4);
      expect(messages).toHaveLength(1);
    });

    it('brings a worker’s batch as one message, with one answer for all of it', async () => {
      const { messages } = await read(home);
      const replyTo = `${replyRoot}.acme.w1.7`;
      const entries = [
        { to: 'gl_1.a', command: 'claim', id: 'a', body: { attempt: 1, worker: 'wk_1', incarnation: 'i' } },
        { to: 'gl_1.b', command: 'complete', id: 'b', body: { attempt: 2, result: { n: 1 } } },
      ];
      await world.sendBatch(home, 'acme', entries, replyTo);
      await until(() => messages.length === 1);
      expect(messages[0]).toMatchObject({
        replyTo,
        entries: entries.map(({ to, command, id, body }) => ({
          ok: true,
          envelope: { to: { org: 'acme', type: 'task', id: to }, verb: command, id, body, hops: 0 },
        })),
      });
    });

    it('brings a worker’s question as a command of its own, to be answered by whom it reaches', async () => {
      const { messages } = await read(home);
      const replyTo = `${replyRoot}.acme.w1.8`;
      const ask = { to: 'gl_1.a', command: 'profile', id: 'a', body: { attempt: 1, worker: 'wk_1' } };
      await world.sendBatch(home, 'acme', [ask], replyTo);
      await world.sendBatch(home, 'acme', [ask, ask], replyTo);
      await until(() => messages.length === 2);
      expect(messages[0]).not.toHaveProperty('replyTo');
      expect(messages[0]?.entries).toMatchObject([{ ok: true, envelope: { verb: 'profile', replyTo } }]);
      expect(messages[1]).toMatchObject({ replyTo, entries: [{ ok: true }, { ok: true }] });
    });

    it('brings what is no command with the reason, in its place', async () => {
      const { messages } = await read(home);
      const [before] = await send(home, 1);
      await world.sendNonsense(home, 'acme');
      await world.sendBatch(home, 'acme', [
        { to: 'gl_1.a', command: 'claim', id: 'a', body: {} },
        { to: 'gl_1.b', command: 'launch', id: 'b', body: {} },
        'nothing at all',
      ]);
      const [after] = await send(home, 1);
      await until(() => messages.length === 4);
      expect(idsOf([messages[0] as LaneMessage])).toEqual([before]);
      expect(messages[1]?.entries).toMatchObject([
        { ok: false, org: 'acme', reason: expect.stringContaining('expected') },
      ]);
      expect(messages[2]?.entries.map(({ ok }) => ok)).toEqual([true, false, false]);
      expect(idsOf([messages[3] as LaneMessage])).toEqual([after]);
    });
  });

  describe('channels', () => {
    beforeEach(async () => {
      await begin();
      await bus.inspect(first, new Map());
    });
    const textsOf = (messages: readonly ChannelMessage[], from: Shard): string[] =>
      messages.filter((message) => message.from === from).map(({ n, envelope: bytes }) => `${n}:${Buffer.from(bytes)}`);

    it('bring each sender’s effects in order, from the oldest that is there', async () => {
      const sent = (from: Shard, n: number) => bus.sendChannel(home, from, n, Buffer.from(`${from}/${n}`));
      await Promise.all([sent(other, 1), sent(shard(5), 1), sent(other, 2)]);
      const messages: ChannelMessage[] = [];
      await bus.openChannels(home, (message) => void messages.push(message));
      await Promise.all(Array.from({ length: 200 }, (_, i) => sent(i % 2 ? other : shard(5), 3 + (i >> 1))));
      await bus.sendChannel(other, home, 1, Buffer.from('elsewhere'));
      await until(() => messages.length >= 203);
      expect(textsOf(messages, other)).toEqual(
        [1, 2, ...Array.from({ length: 100 }, (_, i) => i + 3)].map((n) => `${n}:4/${n}`),
      );
      expect(textsOf(messages, shard(5))).toEqual(
        [1, ...Array.from({ length: 100 }, (_, i) => i + 3)].map((n) => `${n}:5/${n}`),
      );
      expect(messages).toHaveLength(203);
    });

    it('are held back by the promise that their reader returns', async () => {
      const held: (() => void)[] = [];
      const messages: ChannelMessage[] = [];
      await bus.openChannels(home, (message) => {
        messages.push(message);
        return new Promise<void>((resolve) => held.push(resolve));
      });
      for (let n = 1; n <= 20; n++) await bus.sendChannel(home, other, n, Buffer.from('x'));
      for (let count = 1; count <= 20; count++) {
        await until(() => held.length === count);
        expect(messages.map(({ n }) => n)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
        held[count - 1]?.();
      }
    });
  });

  it('forgets what is purged, and keeps the place that was consumed last', async () => {
    await begin();
    await bus.inspect(first, new Map());
    const before = await read(home);
    const elsewhere = await read(other);
    const effects: ChannelMessage[] = [];
    const channels = await bus.openChannels(home, (message) => void effects.push(message));
    const ids = await send(home, 6);
    const others = await send(other, 2);
    for (let n = 1; n <= 4; n++) await bus.sendChannel(home, other, n, Buffer.from(String(n)));
    await bus.sendChannel(other, home, 1, Buffer.from('x'));
    await until(() => before.messages.length === 6 && effects.length === 4 && elsewhere.messages.length === 2);
    await Promise.all([before.subscription.stop(), elsewhere.subscription.stop(), channels.stop()]);
    const consumed = positionOf(before.messages[3]);
    await bus.purge(home, consumed.sequence, (effects[2] as ChannelMessage).sequence);
    expect(await bus.inspect(first, new Map([[home, consumed]]))).toMatchObject({ state: 'level' });
    expect((await bus.inspect(first, new Map([[home, positionOf(before.messages[2])]]))).state).toBe('forgot');
    const [left, untouched] = [await read(home), await read(other)];
    const leftEffects: ChannelMessage[] = [];
    await bus.openChannels(home, (message) => void leftEffects.push(message));
    const otherEffects: ChannelMessage[] = [];
    await bus.openChannels(other, (message) => void otherEffects.push(message));
    await until(
      () =>
        left.messages.length >= 3 &&
        untouched.messages.length >= 2 &&
        leftEffects.length >= 2 &&
        otherEffects.length >= 1,
    );
    expect(idsOf(left.messages)).toEqual(ids.slice(3));
    expect(idsOf(untouched.messages)).toEqual(others);
    expect(leftEffects.map(({ n }) => n)).toEqual([3, 4]);
  });

  const work = (lane: WorkOffer['lane'], payload: string, more: Partial<WorkOffer> = {}): WorkOffer => ({
    org: 'acme',
    pool: 'gpu',
    type: 'train',
    lane,
    messageId: `3:1:${++commands}`,
    payload: Buffer.from(payload),
    ...more,
  });

  describe('work', () => {
    beforeEach(async () => {
      await begin();
      await bus.inspect(first, new Map());
    });

    it('is kept for who takes it, on its own route', async () => {
      const [train, serve]: [string[], string[]] = [[], []];
      await Promise.all([
        bus.sendWork(work('high', 'a')),
        bus.sendWork(work('high', 'b')),
        bus.sendWork(work('normal', 'c')),
        bus.sendWork(work('low', 'd')),
        bus.sendWork(work('normal', 'other type', { type: 'serve' })),
        bus.sendWork(work('normal', 'other org', { org: 'zeta' })),
      ]);
      await world.onWork('acme', 'gpu', 'train', (payload) => void train.push(Buffer.from(payload).toString()));
      await world.onWork('acme', 'gpu', 'serve', (payload) => void serve.push(Buffer.from(payload).toString()));
      await until(() => train.length >= 4 && serve.length >= 1);
      expect([...train].sort()).toEqual(['a', 'b', 'c', 'd']);
      expect(train.indexOf('a')).toBeLessThan(train.indexOf('b'));
      expect(serve).toEqual(['other type']);
    });
  });

  describe('to whom it may concern', () => {
    beforeEach(async () => {
      await begin();
      await bus.inspect(first, new Map());
    });

    it('carries answers to their subjects, one or several', async () => {
      const heard: Json[] = [];
      await world.onReply(`${replyRoot}.acme.client.1`, (reply) => void heard.push(['1', reply as unknown as Json]));
      await world.onReply(`${replyRoot}.acme.client.2`, (reply) => void heard.push(['2', reply as unknown as Json]));
      const ok: Reply = { ok: true, position: '3:1' as never, id: 'gl_1', data: { n: 1 } };
      const no: Reply = { ok: false, problem: { kind: 'rejected', code: 'not_found', detail: 'there is none' } };
      bus.reply(`${replyRoot}.acme.client.1`, ok);
      bus.reply(`${replyRoot}.acme.client.2`, [ok, no]);
      bus.reply(`${replyRoot}.acme.client.nobody`, ok);
      await until(() => heard.length === 2);
      expect(new Map(heard as unknown as [string, Json][])).toEqual(
        new Map<string, unknown>([
          ['1', ok],
          ['2', [ok, no]],
        ]),
      );
    });

    it('carries commits, in order for each shard', async () => {
      const heard: string[] = [];
      await world.onLog((of, message) => void heard.push(`${of}:${Buffer.from(message)}`));
      for (let i = 1; i <= 50; i++) {
        bus.sendLog(home, Buffer.from(String(i)));
        bus.sendLog(other, Buffer.from(String(i)));
      }
      await until(() => heard.length === 100);
      for (const of of [home, other])
        expect(heard.filter((text) => text.startsWith(`${of}:`))).toEqual(
          Array.from({ length: 50 }, (_, i) => `${of}:${i + 1}`),
        );
    });

    it('carries events with what they are about', async () => {
      const heard: EventMessage[] = [];
      await world.onEvents((events) => void heard.push(events));
      const events: EventMessage = {
        org: 'acme',
        actorType: 'goal',
        actorId: 'gl_1',
        types: ['GoalSubmitted', 'GoalStarted'],
        generation: first,
        messageId: '3:7',
        payload: Buffer.from('[{"n":1}]'),
      };
      await bus.sendEvents(events);
      await until(() => heard.length === 1);
      expect({ ...heard[0], payload: Buffer.from((heard[0] as EventMessage).payload) }).toEqual(events);
    });

    it('carries heads to all who listen, until they stop', async () => {
      const [heard, stopped]: [Head[][], Head[][]] = [[], []];
      await bus.onHeads((heads) => void heard.push([...heads]));
      const subscription = await bus.onHeads((heads) => void stopped.push([...heads]));
      const heads: Head[] = [{ shard: home, epoch: epoch(2), seq: seq(17), hash: 'ab'.repeat(32) }];
      bus.sendHeads(heads);
      await until(() => heard.length === 1 && stopped.length === 1);
      expect(heard[0]).toEqual(heads);
      await subscription.stop();
      bus.sendHeads([]);
      await until(() => heard.length === 2);
      expect(stopped).toHaveLength(1);
    });

    it('carries what a kernel shows of itself', async () => {
      const heard: Json[] = [];
      await world.onStats((owner, stats) => void heard.push([owner, stats]));
      bus.sendStats('kn_1', { commits: 3 });
      await until(() => heard.length === 1);
      expect(heard[0]).toEqual(['kn_1', { commits: 3 }]);
    });

    it('carries heartbeats of all workers, and what is said to one of them', async () => {
      const beats: string[] = [];
      const subscription = await bus.onHeartbeat(
        (org, worker, payload) => void beats.push(`${org}/${worker}/${Buffer.from(payload)}`),
      );
      await world.beat('acme', 'wk_1', { n: 1 });
      await world.beat('zeta', 'wk_2', { n: 2 });
      await until(() => beats.length === 2);
      expect(beats.sort()).toEqual(['acme/wk_1/{"n":1}', 'zeta/wk_2/{"n":2}']);
      const told: string[] = [];
      await world.onControl('acme', 'wk_1', (payload) => void told.push(Buffer.from(payload).toString()));
      bus.sendControl('acme', 'wk_2', Buffer.from('not me'));
      bus.sendControl('acme', 'wk_1', Buffer.from('me'));
      await until(() => told.length > 0);
      expect(told).toEqual(['me']);
      await subscription.stop();
    });
  });

  describe('publications', () => {
    beforeEach(async () => {
      await begin();
      await bus.inspect(first, new Map());
    });
    const publish = (verb: string, text: string, idempotencyKey?: string): Promise<number> =>
      world.publish({
        org: 'acme',
        verb,
        payload: Buffer.from(text),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
    const textOf = ({ payload }: Publication): string => Buffer.from(payload).toString();

    it('are handled in stream order, with all that was said of them', async () => {
      const handled: Publication[] = [];
      const sequences = [await publish('agent.message.ag_1', '1')];
      await bus.openIngress(async (publication) => void handled.push(publication));
      sequences.push(
        await world.publish({
          org: 'acme',
          verb: 'goal.submit',
          payload: Buffer.from('2'),
          idempotencyKey: 'k',
          replyTo: `${replyRoot}.acme.p.1`,
        }),
      );
      for (let i = 3; i <= 20; i++) sequences.push(await publish('agent.message.ag_1', String(i)));
      await until(() => handled.length >= 20);
      expect(handled.map(textOf)).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 1)));
      expect(handled.map(({ sequence }) => sequence)).toEqual(sequences);
      expect(handled[0]).toMatchObject({ org: 'acme', verb: 'agent.message.ag_1', generation: 1 });
      expect(handled[0]?.idempotencyKey).toBeUndefined();
      expect(handled[1]).toMatchObject({
        verb: 'goal.submit',
        idempotencyKey: 'k',
        replyTo: `${replyRoot}.acme.p.1`,
        redelivered: false,
      });
    });

    it('are handled one at a time for each key, and at once for others', async () => {
      const begun: string[] = [];
      const go = new Map<string, () => void>();
      await bus.openIngress((publication) => {
        const text = textOf(publication);
        begun.push(text);
        return new Promise<void>((resolve) => go.set(text, resolve));
      });
      await publish('agent.message.ag_1', 'a1');
      await publish('agent.message.ag_1', 'a2');
      await publish('agent.message.ag_2', 'b1');
      await publish('goal.submit', 'k1', 'key');
      await publish('goal.submit', 'k2', 'key');
      await publish('goal.submit', 'alone');
      await until(() => begun.length === 4);
      expect([...begun].sort()).toEqual(['a1', 'alone', 'b1', 'k1']);
      go.get('a1')?.();
      await until(() => begun.includes('a2'));
      go.get('k1')?.();
      await until(() => begun.includes('k2'));
      for (const resolve of go.values()) resolve();
    });

    it('come again when their handling fails, and are told to have come before; those that were handled do not', async () => {
      const handled: [string, boolean][] = [];
      let failures = 0;
      await bus.openIngress(async (publication) => {
        handled.push([textOf(publication), publication.redelivered]);
        if (textOf(publication) === 'bad' && failures++ < 2) throw new Error('not now');
      });
      await publish('goal.submit', 'good');
      await publish('goal.submit', 'bad');
      await publish('goal.submit', 'good too');
      await until(() => handled.length === 5);
      expect(handled.filter(([text]) => text === 'bad').map(([, again]) => again)).toEqual([false, true, true]);
      expect(handled.filter(([text]) => text !== 'bad').map(([text]) => text)).toEqual(['good', 'good too']);
    });

    it('wait while nobody handles them', async () => {
      const handled: string[] = [];
      const subscription = await bus.openIngress(async (publication) => void handled.push(textOf(publication)));
      await publish('goal.submit', '1');
      await until(() => handled.length === 1);
      await subscription.stop();
      await publish('goal.submit', '2');
      await bus.openIngress(async (publication) => void handled.push(`again ${textOf(publication)}`));
      await until(() => handled.length === 2);
      expect(handled).toEqual(['1', 'again 2']);
    });

    it('are heard again after the streams were made anew', async () => {
      const handled: Publication[] = [];
      await bus.openIngress(async (publication) => void handled.push(publication));
      await publish('goal.submit', 'before');
      await until(() => handled.length === 1);
      await world.wipe();
      await bus.recreate(generation(2), 500);
      await until(async () => {
        await publish('goal.submit', 'after');
        return handled.length > 1;
      });
      expect(handled[1]).toMatchObject({ generation: 2 });
    });
  });

  describe('a connection', () => {
    it('is told to be lost and back; meanwhile nothing is taken, and afterwards lanes go on', async () => {
      await begin();
      await bus.inspect(first, new Map());
      const states: string[] = [];
      bus.onConnection((state) => void states.push(state));
      const { messages } = await read(home);
      const ids = await send(home, 3);
      await until(() => messages.length === 3);
      await world.disconnect();
      await until(() => states.includes('lost'));
      await expect(bus.sendCommand(home, envelope())).rejects.toMatchObject({ kind: 'unavailable' });
      await expect(bus.sendChannel(home, other, 1, Buffer.from('x'))).rejects.toMatchObject({ kind: 'unavailable' });
      await expect(bus.sendWork(work('normal', 'x'))).rejects.toMatchObject({ kind: 'unavailable' });
      await expect(bus.inspect(first, new Map())).rejects.toMatchObject({ kind: 'unavailable' });
      await expect(bus.openLane(home, start, () => {})).rejects.toMatchObject({ kind: 'unavailable' });
      bus.reply(`${replyRoot}.acme.client.1`, { ok: true, position: '3:1' as never, id: 'x' });
      bus.sendLog(home, Buffer.from('x'));
      bus.sendHeads([]);
      await world.reconnect();
      await until(() => states.includes('back'));
      expect(states).toEqual(['lost', 'back']);
      expect(await bus.inspect(first, new Map([[home, positionOf(messages[2])]]))).toMatchObject({ state: 'level' });
      const more = await send(home, 3);
      await until(() => messages.length >= 6);
      expect(idsOf(messages)).toEqual([...ids, ...more]);
    });
  });

  describe('bounds', () => {
    it('refuse a message that is larger than the server carries, and nothing else', async () => {
      await begin();
      await bus.inspect(first, new Map());
      const { messages } = await read(home);
      const body = 'x'.repeat(bus.messageBytesMax);
      const tooLarge = { kind: 'rejected', code: 'message_too_large' };
      await expect(bus.sendCommand(home, envelope({ body }))).rejects.toMatchObject(tooLarge);
      await expect(bus.sendChannel(home, other, 1, Buffer.from(body + body))).rejects.toMatchObject(tooLarge);
      const ids = await send(home, 1);
      await until(() => messages.length > 0);
      expect(idsOf(messages)).toEqual(ids);
    });

    it('let a stream that is full take more once it was purged', async () => {
      await begin({ streamBytesMax });
      await bus.inspect(first, new Map());
      const { messages } = await read(home);
      const filler = { body: 'x'.repeat(Math.floor(streamBytesMax / 10)) };
      let sent = 0;
      const fill = async (): Promise<never> => {
        for (;;) {
          await bus.sendCommand(home, envelope(filler));
          sent++;
        }
      };
      await expect(fill()).rejects.toMatchObject({ kind: 'overloaded', code: 'stream_full' });
      expect(sent).toBeGreaterThan(3);
      await until(() => messages.length === sent);
      await bus.purge(home, positionOf(messages.at(-1)).sequence, 0);
      await bus.sendCommand(home, envelope(filler));
      await until(() => messages.length === sent + 1);
    });
  });
}
