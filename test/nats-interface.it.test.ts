import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInbox, headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { loadConfig } from '../cli/config.ts';
import { type EmbeddedNats, startNats } from '../cli/embedded/index.ts';
import { natsAccounts, type StoredNatsUser } from '../cli/nats-users.ts';
import { startKernelRole } from '../cli/roles/kernel.ts';
import type { StartedRole } from '../cli/roles/role-process.ts';
import { makeDatabase, type TestDatabase } from '../kernel/testing/database.ts';
import { until } from '../kernel/testing/until.ts';

/**
 * docs/nats.md followed to the letter by a stranger: a plain NATS client, the subjects and headers of the page, users with
 * the permissions that it names, and nothing of Astra's own code on this side of the wire. The kernel is a real one.
 */
const users: readonly StoredNatsUser[] = [
  { user: 'kernel', password: 'k', role: 'kernel' },
  { user: 'publisher-acme', password: 'p', role: 'publisher', org: 'acme' },
  { user: 'worker-acme', password: 'w', role: 'worker', org: 'acme', pools: ['default'], types: ['greet'] },
];
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

type Fields = { readonly [name: string]: unknown };

let directory: string;
let database: TestDatabase;
let nats: EmbeddedNats;
let kernel: StartedRole;
const connections: NatsConnection[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'astra-stranger-'));
  database = await makeDatabase(inject('databaseUrl'));
  nats = await startNats({
    dataDir: directory,
    users: natsAccounts(users),
    maxPayloadBytes: 8 * 1024 * 1024,
    orphanGraceMs: 1000,
  });
  const config = loadConfig(
    { databaseUrl: database.url, natsUrl: nats.url },
    { ASTRA_NATS_USER: 'kernel', ASTRA_NATS_PASSWORD: 'k' },
    directory,
  );
  kernel = await startKernelRole(config, quiet);
});

afterAll(async () => {
  for (const connection of connections) await connection.close();
  await kernel?.stop();
  await nats?.stop();
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

/** One user’s connection, with what it was answered and what it was forbidden. */
class Stranger {
  readonly nc: NatsConnection;
  readonly org = 'acme';
  readonly forbidden: string[] = [];
  readonly #name: string;
  #asked = 0;

  private constructor(nc: NatsConnection, name: string) {
    this.nc = nc;
    this.#name = name;
    void (async () => {
      for await (const status of nc.status()) if (status.type === 'error') this.forbidden.push(status.error.message);
    })();
  }

  static async as(user: string): Promise<Stranger> {
    const { password } = users.find((one) => one.user === user) as StoredNatsUser;
    const nc = await connect({ servers: nats.url, user, pass: password, inboxPrefix: `_INBOX.${user}` });
    connections.push(nc);
    return new Stranger(nc, user);
  }

  /** Publishes into a stream; the answer comes on a subject of ours, behind the PubAck. */
  async ask(subject: string, body: unknown, more: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const replyTo = `astra.reply.${this.org}.${this.#name}.${++this.#asked}`;
    let answer: Msg | undefined;
    const subscription = this.nc.subscribe(replyTo, {
      callback: (_error, message) => {
        answer = message;
      },
    });
    const h = headers();
    for (const [name, value] of Object.entries({ ...more, 'Astra-Reply-To': replyTo })) h.set(name, value);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const acknowledged = (await this.nc.request(subject, text, { headers: h, timeout: 10_000 })).json<Fields>();
    expect(acknowledged['seq'], `PubAck of ${subject}`).toBeTypeOf('number');
    const message = await until(() => answer);
    subscription.unsubscribe();
    return message.json();
  }

  hear(subject: string): Msg[] {
    const heard: Msg[] = [];
    this.nc.subscribe(subject, { callback: (_error, message) => void heard.push(message) });
    return heard;
  }
}

/** The shard of an actor, as the page says. */
const shardOf = (key: string): number => createHash('sha256').update(`acme\0${key}`).digest().readUInt32BE(0) % 64;

const workerId = 'wk_00000000000000000000000001';

class PlainWorker {
  readonly #stranger: Stranger;
  readonly control: Msg[];
  running: Fields[] = [];
  #commands = 0;

  constructor(stranger: Stranger) {
    this.#stranger = stranger;
    this.control = stranger.hear(`astra.ctl.acme.${workerId}`);
  }

  register(): Promise<unknown> {
    const profile = {
      pools: ['default'],
      slots: 2,
      types: ['greet'],
      drivers: [],
      host: 'elsewhere',
      version: '1',
      incarnation: 'i1',
    };
    return this.#stranger.ask(
      `astra.cmd.${shardOf(`worker/${workerId}`)}.acme.worker`,
      { profile },
      { 'Astra-To': workerId, 'Astra-Command': 'register', 'Astra-Command-Id': `${workerId}:i1:register:1` },
    );
  }

  beat(): void {
    const beat = { incarnation: 'i1', slots: 2, free: 2, pools: ['default'], types: ['greet'], running: this.running };
    this.#stranger.nc.publish(`astra.hb.acme.${workerId}`, JSON.stringify(beat));
  }

  /** The next message of WORK; pulls again while there is none. */
  async pull(): Promise<Msg> {
    const inbox = createInbox('_INBOX.worker-acme');
    const heard = this.#stranger.hear(inbox);
    const next = '$JS.API.CONSUMER.MSG.NEXT.WORK.acme=default=greet=normal';
    const ask = () => this.#stranger.nc.publish(next, JSON.stringify({ batch: 1, expires: 1e9 }), { reply: inbox });
    ask();
    return until(() => {
      const message = heard.shift();
      if (!message || (message.headers?.code ?? 0) === 100) return undefined;
      if (message.data.length > 0) return message;
      ask();
      return undefined;
    });
  }

  async say(attempt: Fields, command: string, body: object = {}): Promise<Fields> {
    const { taskId, attempt: n, shard } = attempt;
    const id = `${taskId}:${n}:${command}:${++this.#commands}`;
    const entry = { to: taskId, command, id, body: { attempt: n, worker: workerId, incarnation: 'i1', ...body } };
    const [answer] = (await this.#stranger.ask(`astra.cmd.${shard}.acme.batch`, [entry])) as Fields[];
    return answer as Fields;
  }
}

test('publishes a goal, works for it, and hears its story, with nothing but the page', async () => {
  const publisher = await Stranger.as('publisher-acme');
  const worker = new PlainWorker(await Stranger.as('worker-acme'));
  expect(await worker.register()).toMatchObject({ ok: true, id: workerId });
  worker.beat();
  expect((await until(() => worker.control.shift())).json<Fields>()['shards']).toHaveLength(64);

  const agent = (await publisher.ask('astra.in.acme.agent.spawn', { name: 'stranger' })) as Fields;
  expect(agent).toMatchObject({ ok: true });
  const story = publisher.hear('astra.evt.acme.goal.*');
  const plan = { tasks: [{ key: 'hello', type: 'greet', input: { name: 'world' } }] };
  const key = { 'Astra-Idempotency-Key': 'stranger-1' };
  const goal = (await publisher.ask('astra.in.acme.goal.submit', { agentId: agent['id'], plan }, key)) as Fields;
  expect(goal).toMatchObject({ ok: true, data: { status: 'active' } });

  const work = await worker.pull();
  const [attempt] = work.json<Fields[]>() as [Fields];
  expect(attempt).toMatchObject({ taskId: `${goal['id']}.hello`, attempt: 1, type: 'greet', input: { name: 'world' } });
  expect(attempt['shard']).toBe(shardOf(`goal/${goal['id']}`));
  expect(await worker.say(attempt, 'claim')).toMatchObject({ ok: true });
  work.respond('+ACK');
  expect(await worker.say({ ...attempt, attempt: 2 }, 'complete', { result: 'forged' })).toMatchObject({
    ok: false,
    problem: { code: 'attempt_fenced' },
  });
  expect(await worker.say(attempt, 'complete', { result: 'hello, world' })).toMatchObject({ ok: true });

  const events = await until(() => {
    const all = story.flatMap((message) => message.json<Fields[]>());
    return all.some(({ type }) => type === 'GoalCompleted') ? all : undefined;
  });
  expect(events.map(({ type }) => type)).toEqual([
    'GoalSubmitted',
    'GoalActivated',
    'TaskQueued',
    'TaskStarted',
    'TaskCompleted',
    'GoalCompleted',
  ]);
  // The same publication again, long after: the same goal.
  const again = await publisher.ask('astra.in.acme.goal.submit', { agentId: agent['id'], plan }, key);
  expect(again).toEqual({ ...goal, replayed: true });
});

test('is answered with every fault of what it published, and a publication that is none becomes a dead letter', async () => {
  const publisher = await Stranger.as('publisher-acme');
  const parked = publisher.hear('astra.evt.acme.dead-letter.*');
  expect(await publisher.ask('astra.in.acme.goal.submit', '{ no JSON')).toMatchObject({
    ok: false,
    problem: { kind: 'rejected', code: 'malformed_json' },
  });
  const [event] = (await until(() => parked.shift())).json<Fields[]>() as [Fields];
  expect(event).toMatchObject({
    type: 'DeadLetterParked',
    data: { error: { code: 'malformed_json' }, publication: { verb: 'goal.submit', payload: '{ no JSON' } },
  });
});

test('may use the subjects of its org and role, and no others (I10)', async () => {
  const publisher = await Stranger.as('publisher-acme');
  const worker = await Stranger.as('worker-acme');
  const shard = shardOf(`worker/${workerId}`);
  for (const subject of ['astra.in.other.goal.submit', 'astra.cmd.0.acme.goal', 'astra.log.0'])
    publisher.nc.publish(subject, '{}');
  for (const subject of [`astra.cmd.${shard}.acme.worker.inside`, `astra.cmd.${shard}.other.batch`, 'astra.hb.other.x'])
    worker.nc.publish(subject, '{}');
  for (const subject of ['astra.evt.other.>', 'astra.log.*', 'astra.chan.>']) publisher.nc.subscribe(subject);
  await until(() => publisher.forbidden.length >= 6 && worker.forbidden.length >= 3);
  for (const message of [...publisher.forbidden, ...worker.forbidden])
    expect(message).toMatch(/permissions violation/i);
});
