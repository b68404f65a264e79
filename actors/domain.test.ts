import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { micros, type Shard } from '../kernel/brand.ts';
import { SystemClock } from '../kernel/clock.ts';
import { openEvent } from '../kernel/codec.ts';
import type { Envelope, Json, Reply } from '../kernel/envelope.ts';
import type { EventRecord } from '../kernel/event.ts';
import { derivedId, timeId } from '../kernel/ids.ts';
import { type Kernel, startKernel } from '../kernel/kernel.ts';
import { MemoryBus } from '../kernel/memory/bus.ts';
import { MemoryLog } from '../kernel/memory/log.ts';
import { SystemRandom } from '../kernel/random.ts';
import { Registry } from '../kernel/registry.ts';
import {
  agentInput,
  behaviors,
  commandGoal,
  goalInput,
  parkPublication,
  type RequestContext,
  readInput,
  redriveTask,
  spawnAgent,
  submitGoal,
  translatePublication,
} from './index.ts';

const registry = new Registry(behaviors);
const clock = new SystemClock();
const random = new SystemRandom();
const workerId = derivedId('wk', 'a worker');
const newId = (prefix: string): string => timeId(prefix, Math.floor(clock.now() / 1000), random.bytes(10));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

interface Attempt {
  readonly shard: number;
  readonly taskId: string;
  readonly attempt: number;
  readonly type: string;
  readonly input: Json;
}

/** The whole domain on a real kernel, with ports in memory, and a worker that does as each test says. */
class World {
  readonly log = new MemoryLog(clock, random, 8);
  readonly bus = new MemoryBus(clock);
  readonly defects: unknown[] = [];
  readonly inputs = new Map<string, Json>();
  kernel: Kernel | undefined;
  #counter = 0;
  #running = new Map<string, Attempt>();
  /** What becomes of an attempt: its result, a failure, or nothing at all (it keeps running). */
  work: (attempt: Attempt) => { result: Json } | { error: Json } | undefined = () => ({ result: null });

  async start(): Promise<this> {
    const noted = { info: () => {}, warn: () => {}, error: (fields: object) => this.defects.push(fields) };
    this.kernel = await startKernel({
      log: this.log,
      bus: this.bus,
      clock,
      random,
      logger: noted,
      behaviors,
      translate: (publication, now) => translatePublication(publication, micros(now), newId),
      parkPublication,
      idempotencyDays: 7,
      eventsFor: () => true,
      onDefect: (error) => this.defects.push(error),
    });
    await this.kernel.ready;
    this.bus.onWork(({ payload }) => {
      for (const attempt of JSON.parse(Buffer.from(payload).toString()) as Attempt[]) void this.#run(attempt);
    });
    this.beat();
    return this;
  }

  beat(): void {
    const running = [...this.#running.values()].map(({ taskId, attempt }) => ({ taskId, attempt }));
    this.bus.beat('default', workerId, {
      incarnation: 'i1',
      slots: 100,
      free: 100,
      pools: ['default'],
      types: ['noop', 'plan'],
      running,
    });
  }

  async #run(attempt: Attempt): Promise<void> {
    const { taskId } = attempt;
    const who = { attempt: attempt.attempt, worker: workerId, incarnation: 'i1' };
    const claimed = await this.send(this.envelope('task', taskId, 'claim', who));
    if (!claimed.ok) return;
    this.#running.set(taskId, attempt);
    this.inputs.set(taskId, attempt.input);
    const outcome = this.work(attempt);
    if (!outcome) return;
    await this.send(this.envelope('task', taskId, 'result' in outcome ? 'complete' : 'fail', { ...who, ...outcome }));
    this.#running.delete(taskId);
  }

  envelope(type: string, id: string, verb: string, body: Json): Envelope {
    const unique = `c${++this.#counter}`;
    return {
      to: { org: 'default', type, id },
      verb,
      id: unique,
      body,
      principal: `worker:${workerId}`,
      correlationId: unique,
      hops: 0,
    };
  }

  async send(envelope: Envelope): Promise<Reply> {
    const replyTo = `astra.reply._gateway.t.${++this.#counter}`;
    let reply: Reply | undefined;
    this.bus.onReply(replyTo, (got) => {
      reply = got as Reply;
    });
    await this.bus.sendCommand(registry.shardOf(envelope.to, 8) as Shard, { ...envelope, replyTo });
    await until(() => reply !== undefined);
    return reply as Reply;
  }

  context(route: string, idempotencyKey?: string): RequestContext {
    return {
      org: 'default',
      principal: 'key:test',
      route,
      now: clock.now(),
      newId,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
  }

  async agent(more: object = {}): Promise<string> {
    const reply = await this.send(
      spawnAgent(readInput(agentInput, { name: `agent ${++this.#counter}`, ...more }), this.context('POST /v1/agents')),
    );
    if (!reply.ok) throw new Error(reply.problem.detail);
    return reply.id;
  }

  async goal(agentId: string, tasks: readonly object[] | undefined, more: object = {}, key?: string): Promise<Reply> {
    const input = readInput(goalInput, { agentId, ...(tasks ? { plan: { tasks } } : {}), ...more });
    return this.send(submitGoal(input, this.context('POST /v1/goals', key)));
  }

  events(): EventRecord[] {
    return Array.from({ length: 8 }, (_, i) =>
      this.log.all(i as Shard).map((stored) => openEvent(stored, registry)),
    ).flat();
  }

  types(id: string): string[] {
    return this.events()
      .filter(({ actor }) => actor.id === id)
      .map(({ type }) => type);
  }

  has(id: string, type: string): boolean {
    return this.events().some((event) => event.actor.id === id && event.type === type);
  }
}

const idOf = (reply: Reply): string => {
  if (!reply.ok) throw new Error(JSON.stringify(reply.problem));
  return reply.id;
};

const fan = [
  { key: 'a', type: 'noop' },
  ...Array.from({ length: 8 }, (_, i) => ({ key: `b${i}`, type: 'noop', dependsOn: ['a'] })),
  { key: 'c', type: 'noop', dependsOn: Array.from({ length: 8 }, (_, i) => `b${i}`) },
];

let world: World;
const begin = async (): Promise<World> => {
  world = new World();
  return world.start();
};

afterEach(async () => {
  await world.kernel?.stop();
  expect(world.defects).toEqual([]);
});

describe('a goal', () => {
  it('of ten tasks completes in 3.5 events a task, in order of its graph', async () => {
    await begin();
    const agentId = await world.agent();
    await until(() => world.events().some(({ type }) => type === 'NameTaken'));
    const before = world.events().length;
    const reply = await world.goal(agentId, fan);
    const id = idOf(reply);
    expect(reply).toMatchObject({
      ok: true,
      data: { id, status: 'active', taskIds: fan.map(({ key }) => `${id}.${key}`) },
    });
    await until(() => world.has(agentId, 'AgentGoalSettled'));
    expect(world.events().length - before).toBe(35);
    expect(world.types(id)).toEqual(['GoalSubmitted', 'GoalActivated', 'GoalCompleted']);
    const completed = world
      .events()
      .filter(({ type }) => type === 'TaskCompleted')
      .map(({ actor }) => actor.id.split('.')[1]);
    expect(completed[0]).toBe('a');
    expect(completed.at(-1)).toBe('c');
    expect(world.events().find(({ type }) => type === 'GoalCompleted')?.data).toEqual({
      sinks: ['c'],
      failedTasks: [],
    });
  });

  it('is one for fifty equal requests at once, and one more for another key', async () => {
    await begin();
    const agentId = await world.agent();
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => world.goal(agentId, [{ key: 'a', type: 'noop' }], {}, 'k1')),
    );
    const [first] = replies;
    for (const reply of replies)
      expect(reply).toMatchObject({ ok: true, id: idOf(first as Reply), data: (first as { data: Json }).data });
    expect(world.events().filter(({ type }) => type === 'GoalSubmitted')).toHaveLength(1);
    expect(world.events().filter(({ type }) => type === 'AgentGoalAdmitted')).toHaveLength(1);
    expect(await world.goal(agentId, [{ key: 'b', type: 'noop' }], {}, 'k1')).toMatchObject({
      ok: false,
      problem: { code: 'idempotency_key_reused' },
    });
    await until(() => world.has(agentId, 'AgentGoalSettled'));
    expect(await world.goal(agentId, [{ key: 'a', type: 'noop' }], {}, 'k1')).toMatchObject({
      ok: true,
      replayed: true,
      id: idOf(first as Reply),
    });
  });

  it('gives its tasks the results they ask for', async () => {
    await begin();
    world.work = ({ taskId }) => ({ result: taskId.endsWith('.fetch') ? { body: { url: 'u', list: [1, 2] } } : null });
    const id = idOf(
      await world.goal(await world.agent(), [
        { key: 'fetch', type: 'noop' },
        {
          key: 'use',
          type: 'noop',
          dependsOn: ['fetch'],
          input: {
            url: { $from: 'fetch', pointer: '/body/url' },
            second: [{ $from: 'fetch', pointer: '/body/list/1' }],
            none: { $from: 'fetch', pointer: '/x' },
          },
        },
      ]),
    );
    await until(() => world.has(id, 'GoalCompleted'));
    expect(world.inputs.get(`${id}.use`)).toEqual({ url: 'u', second: [2], none: null });
  });

  it('fails when a task is out of attempts: downstream names the culprit, the rest the goal; redrive begins run 2 and completes it', async () => {
    await begin();
    let broken = true;
    world.work = ({ taskId }) =>
      taskId.endsWith('.bad') && broken
        ? { error: { code: 'boom', message: 'no' } }
        : taskId.endsWith('.slow')
          ? undefined
          : { result: null };
    const agentId = await world.agent();
    const id = idOf(
      await world.goal(agentId, [
        { key: 'bad', type: 'noop', maxAttempts: 2, backoff: { minMs: 1, maxMs: 2 } },
        { key: 'after', type: 'noop', dependsOn: ['bad'] },
        { key: 'slow', type: 'noop' },
        { key: 'last', type: 'noop', dependsOn: ['after', 'slow'] },
      ]),
    );
    await until(() => world.has(agentId, 'AgentGoalSettled'));
    expect(world.types(`${id}.bad`)).toEqual([
      'TaskQueued',
      'TaskStarted',
      'TaskAttemptFailed',
      'TaskQueued',
      'TaskStarted',
      'TaskAttemptFailed',
      'TaskDeadLettered',
    ]);
    const cancelled = world.events().filter(({ type }) => type === 'TaskCancelled');
    const why = Object.fromEntries(cancelled.map(({ actor, data }) => [actor.id.split('.')[1], data]));
    expect(why).toEqual({
      after: { code: 'dependency_failed', culprit: `${id}.bad` },
      last: { code: 'dependency_failed', culprit: `${id}.bad` },
      slow: { code: 'goal_failed', culprit: `${id}.bad` },
    });
    expect(world.types(id).at(-1)).toBe('GoalFailed');

    broken = false;
    world.work = () => ({ result: null });
    expect(await world.send(redriveTask(`${id}.bad`, world.context('redrive')))).toMatchObject({ ok: true });
    await until(() => world.has(id, 'GoalCompleted'));
    expect(world.events().find(({ type }) => type === 'GoalReopened')?.data).toEqual({
      run: 2,
      tasks: ['after', 'slow', 'last'],
    });
    await until(() => world.events().filter(({ type }) => type === 'AgentGoalSettled').length === 2);
    expect(world.types(`${id}.bad`).slice(-4)).toEqual(['TaskRedriven', 'TaskQueued', 'TaskStarted', 'TaskCompleted']);
  });

  it('goes on past a failure that may be, and names it', async () => {
    await begin();
    world.work = ({ taskId }) =>
      taskId.endsWith('.bad') ? { error: { code: 'boom', message: 'no', retryable: false } } : { result: null };
    const id = idOf(
      await world.goal(await world.agent(), [
        { key: 'bad', type: 'noop', onFailure: 'continue' },
        { key: 'after', type: 'noop', dependsOn: ['bad'], input: { got: { $from: 'bad' } } },
      ]),
    );
    await until(() => world.has(id, 'GoalCompleted'));
    expect(world.inputs.get(`${id}.after`)).toEqual({ got: null });
    expect(world.events().find(({ type }) => type === 'GoalCompleted')?.data).toEqual({
      sinks: ['after'],
      failedTasks: ['bad'],
    });
  });

  it('waits for approval, for other goals, and while it is paused', async () => {
    await begin();
    const agentId = await world.agent();
    const command = (id: string, verb: 'approve' | 'pause' | 'resume' | 'cancel') =>
      world.send(commandGoal(id, verb, {}, world.context(verb)));
    const first = idOf(await world.goal(agentId, [{ key: 'a', type: 'noop' }], { requireApproval: true }));
    const second = idOf(await world.goal(agentId, [{ key: 'a', type: 'noop' }], { dependsOn: [first] }));
    expect(world.types(first)).toContain('GoalApprovalRequested');
    expect(world.types(second)).toEqual(['GoalSubmitted', 'GoalBlocked']);
    expect(await command(first, 'pause')).toMatchObject({ ok: false, problem: { code: 'invalid_transition' } });
    expect(await command(first, 'approve')).toMatchObject({ ok: true });
    await until(() => world.has(second, 'GoalCompleted'));
    expect(world.types(second)).toEqual([
      'GoalSubmitted',
      'GoalBlocked',
      'GoalUnblocked',
      'GoalActivated',
      'GoalCompleted',
    ]);

    world.work = ({ taskId }) => (taskId.endsWith('.hold') ? undefined : { result: null });
    const third = idOf(
      await world.goal(agentId, [
        { key: 'hold', type: 'noop' },
        { key: 'next', type: 'noop', dependsOn: ['hold'] },
      ]),
    );
    await until(() => world.has(`${third}.hold`, 'TaskStarted'));
    await command(third, 'pause');
    await world.send(
      world.envelope('task', `${third}.hold`, 'complete', { attempt: 1, worker: workerId, incarnation: 'i1' }),
    );
    expect(world.types(`${third}.next`)).toEqual([]);
    await command(third, 'resume');
    await until(() => world.has(third, 'GoalCompleted'));
  });

  it('that depends on an unknown goal fails, and on a failed one is cancelled', async () => {
    await begin();
    const agentId = await world.agent();
    const unknown = idOf(await world.goal(agentId, [{ key: 'a', type: 'noop' }], { dependsOn: [newId('gl')] }));
    await until(() => world.has(unknown, 'GoalFailed'));
    expect(world.events().find(({ type }) => type === 'GoalFailed')?.data).toMatchObject({
      error: { code: 'dependency_unknown' },
    });
    const next = idOf(await world.goal(agentId, [{ key: 'a', type: 'noop' }], { dependsOn: [unknown] }));
    await until(() => world.has(next, 'GoalCancelled'));
    expect(world.events().find(({ type }) => type === 'GoalCancelled')?.data).toEqual({
      code: 'dependency_failed',
      culprit: unknown,
    });
  });

  it('of text alone is planned by a task, and a faulty plan fails it', async () => {
    await begin();
    const agentId = await world.agent();
    world.work = ({ type }) => ({ result: type === 'plan' ? { tasks: [{ key: 'a', type: 'noop' }] } : null });
    const id = idOf(await world.goal(agentId, undefined, { text: 'do it' }));
    await until(() => world.has(id, 'GoalCompleted'));
    expect(world.types(id)).toEqual(['GoalSubmitted', 'GoalPlanned', 'GoalActivated', 'GoalCompleted']);
    expect(world.inputs.get(`${id}._plan`)).toEqual({ text: 'do it', agentId });
    world.work = () => ({ result: { tasks: [{ key: 'a', type: 'noop', dependsOn: ['a'] }] } });
    const bad = idOf(await world.goal(agentId, undefined, { text: 'do it badly' }));
    await until(() => world.has(bad, 'GoalFailed'));
    expect(world.types(bad)).toEqual(['GoalSubmitted', 'GoalPlanRejected', 'GoalFailed']);
  });

  it('of a thousand tasks is cancelled in waves: every task ends once', async () => {
    await begin();
    world.work = () => undefined;
    const tasks = Array.from({ length: 1000 }, (_, i) => ({ key: `t${i}`, type: 'noop' }));
    const agentId = await world.agent();
    const id = idOf(await world.goal(agentId, tasks));
    await world.send(commandGoal(id, 'cancel', { reason: 'enough' }, world.context('cancel')));
    await until(() => world.events().filter(({ type }) => type === 'TaskCancelled').length === 1000);
    expect(
      new Set(
        world
          .events()
          .filter(({ type }) => type === 'TaskCancelled')
          .map(({ actor }) => actor.id),
      ).size,
    ).toBe(1000);
    expect(world.events().filter(({ type }) => type === 'GoalCancelled')).toHaveLength(1);
  });
});

describe('agents', () => {
  it('of one name are one, however many ask at once', async () => {
    await begin();
    const ask = () =>
      world.send(spawnAgent(readInput(agentInput, { name: '  Ada ' }), world.context('POST /v1/agents')));
    const replies = await Promise.all(Array.from({ length: 20 }, ask));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    for (const reply of replies) if (!reply.ok) expect(reply.problem.code).toBe('agent_name_taken');
    expect(world.events().filter(({ type }) => type === 'AgentSpawned')).toHaveLength(1);
  });

  it('give their name back when they stop', async () => {
    await begin();
    const id = await world.agent({ name: 'Ada' });
    await world.send({ ...world.envelope('agent', id, 'stop', {}), principal: 'key:test' });
    await until(() => world.events().some(({ type }) => type === 'NameReleased'));
    await world.agent({ name: 'ada' });
  });

  it('refuse goals beyond their cap, and while they are paused', async () => {
    await begin();
    world.work = () => undefined;
    const id = await world.agent({ maxConcurrentGoals: 2 });
    const plan = [{ key: 'a', type: 'noop' }];
    await world.goal(id, plan);
    await world.goal(id, plan);
    expect(await world.goal(id, plan)).toMatchObject({ ok: false, problem: { code: 'concurrent_goals_cap' } });
    await world.send({ ...world.envelope('agent', id, 'pause', {}), principal: 'key:test' });
    expect(await world.goal(id, plan)).toMatchObject({ ok: false, problem: { code: 'agent_not_accepting' } });
  });
});
