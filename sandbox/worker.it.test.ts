import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { shardOf } from '../kernel/address.ts';
import { generation, positionOf, type Shard, seq, shard } from '../kernel/brand.ts';
import type { Bus, LaneMessage } from '../kernel/bus.ts';
import { SystemClock } from '../kernel/clock.ts';
import type { WorkerLink } from '../kernel/edge.ts';
import type { Json, Reply } from '../kernel/envelope.ts';
import { derivedId } from '../kernel/ids.ts';
import { openNatsBus, openWorkerLink } from '../kernel/nats/index.ts';
import { SystemRandom } from '../kernel/random.ts';
import { until } from '../kernel/testing/until.ts';
import { memoryArtifactStore } from './artifacts/memory-store.ts';
import { threadDriver } from './drivers/thread.ts';
import { silentLog } from './testing/scripted-kernel.ts';
import { startWorker } from './worker.ts';
import type { RunningWorker } from './worker-options.ts';

/** A worker on a real NATS server; the test speaks for the kernel, through the kernel's own side of the bus. */
describe('a worker over NATS', () => {
  const name = randomUUID().slice(0, 8);
  const nats = () => ({
    url: inject('natsUrl'),
    name: 'worker-test',
    subjectRoot: `t${name}`,
    streamPrefix: `T${name}_`,
  });
  const workerId = derivedId('wk', name);
  const taskShard = shard(3);
  const shards = 4;
  const commands: { verb: string; to: string; body: Readonly<Record<string, Json>> }[] = [];
  const heartbeats: Readonly<Record<string, Json>>[] = [];
  let bus: Bus;
  let link: WorkerLink;
  let worker: RunningWorker;
  let silent = false;

  beforeAll(async () => {
    bus = await openNatsBus(nats(), () => undefined);
    await bus.inspect(generation(0), new Map());
    await bus.recreate(generation(1), 0);
    const workerShard = shardOf({ org: 'acme', type: 'worker', id: workerId }, { prefix: 'wk' }, shards);
    for (const of of new Set<Shard>([taskShard, workerShard]))
      await bus.openLane(of, { generation: generation(1), sequence: 0, time: '0' }, (message) => answer(of, message));
    await bus.onHeartbeat((org, from, payload) => {
      heartbeats.push(JSON.parse(Buffer.from(payload).toString()) as Readonly<Record<string, Json>>);
      bus.sendControl(org, from, Buffer.from(JSON.stringify({ shards: [0, 1, 2, 3], stop: [], signals: [] })));
    });
    link = await openWorkerLink(nats(), { shards, workerIds: { prefix: 'wk' }, org: 'acme', client: workerId });
    worker = await startWorker({
      link,
      org: 'acme',
      workerId,
      pools: ['default'],
      slots: 8,
      drivers: [threadDriver({ threads: 1, clock: new SystemClock() })],
      artifacts: memoryArtifactStore(),
      log: silentLog,
      clock: new SystemClock(),
      random: new SystemRandom(),
      host: 'here',
      version: '0',
    });
  });
  afterAll(async () => {
    await worker?.stop({ graceMs: 0 });
    await link?.close();
    await bus?.close();
  });

  /** Says ok to everything, as a shard would after its commit. */
  function answer(of: Shard, message: LaneMessage): void {
    const replies = message.entries.map((entry): Reply => {
      if (!entry.ok) throw new Error(`not understood: ${entry.reason}`);
      const { verb, to, body } = entry.envelope;
      commands.push({ verb, to: to.id, body: body as Readonly<Record<string, Json>> });
      return { ok: true, position: positionOf(of, seq(1)), id: to.id };
    });
    if (silent) return;
    const first = message.entries[0];
    if (message.replyTo) bus.reply(message.replyTo, replies);
    else if (first?.ok && first.envelope.replyTo) bus.reply(first.envelope.replyTo, replies[0] as Reply);
  }

  const offer = (counter: number, type: string, items: readonly { key: string; input: Json }[]) =>
    bus.sendWork({
      org: 'acme',
      pool: 'default',
      type,
      lane: 'normal',
      messageId: `${taskShard}:1:${counter}`,
      payload: Buffer.from(
        JSON.stringify(
          items.map(({ key, input }) => ({
            shard: taskShard,
            taskId: `${derivedId('gl', name)}.${key}`,
            attempt: 1,
            offer: 1,
            type,
            input,
            timeoutMs: 60_000,
            limits: {},
            agentId: derivedId('ag', name),
            profileVersion: 1,
            idempotencyKey: `${derivedId('gl', name)}.${key}:1`,
          })),
        ),
      ),
    });

  const of = (verb: string, key: string) =>
    commands.find((command) => command.verb === verb && command.to === `${derivedId('gl', name)}.${key}`);

  test('registers, pulls, claims, runs and completes', async () => {
    await worker.registered;
    expect(commands[0]).toMatchObject({
      verb: 'register',
      to: workerId,
      body: { profile: { slots: 8, drivers: ['thread'] } },
    });
    await offer(1, 'noop', [
      { key: 'a', input: { n: 1 } },
      { key: 'b', input: null },
    ]);
    await offer(2, 'js', [{ key: 'c', input: { code: '(a) => a * 2', args: [21] } }]);
    await until(() => of('complete', 'a') && of('complete', 'b') && of('complete', 'c'));
    expect(of('claim', 'a')?.body).toEqual({ attempt: 1, worker: workerId, incarnation: worker.incarnation });
    expect(of('complete', 'a')?.body).toMatchObject({ result: { n: 1 } });
    expect(of('complete', 'c')?.body).toMatchObject({ result: 42 });
    await until(() => heartbeats.length > 0);
    expect(heartbeats[0]).toMatchObject({
      incarnation: worker.incarnation,
      slots: 8,
      pools: ['default'],
      types: worker.types,
    });
    await until(() => worker.stats().unanswered === 0);
  });

  test('a claim that nobody answers is repeated until somebody does, and only then runs', async () => {
    silent = true;
    await offer(3, 'noop', [{ key: 'd', input: 'late' }]);
    await until(() => of('claim', 'd'));
    expect(worker.stats().running).toBe(1);
    silent = false;
    await until(() => of('complete', 'd'));
    expect(commands.filter(({ verb, to }) => verb === 'claim' && to.endsWith('.d')).length).toBeGreaterThan(1);
  });
});
