import { behaviors, parkPublication, translatePublication } from '../../actors/index.ts';
import type { Behavior } from '../../kernel/behavior.ts';
import { micros, type Shard } from '../../kernel/brand.ts';
import { SystemClock } from '../../kernel/clock.ts';
import type { Envelope, Json, Reply } from '../../kernel/envelope.ts';
import { supervisorOf } from '../../kernel/failing.ts';
import { derivedId, timeId } from '../../kernel/ids.ts';
import { type Kernel, startKernel } from '../../kernel/kernel.ts';
import { MemoryBus } from '../../kernel/memory/bus.ts';
import { MemoryLog } from '../../kernel/memory/log.ts';
import { SystemRandom } from '../../kernel/random.ts';
import { Registry } from '../../kernel/registry.ts';
import { until } from '../../kernel/testing/until.ts';
import { type Projections, startProjections } from '../../projections/index.ts';
import { type Gateway, startGateway } from '../gateway.ts';
import { MemoryCommands, MemoryTail } from './memory-edge.ts';
import { MemoryArtifacts, MemoryKeys, MemoryOutput } from './memory-stores.ts';

const shards = 4;
const registry = new Registry(behaviors);
const capacity = { incarnation: 'i1', slots: 100, pools: ['default'], types: ['noop'] };

export interface Attempt {
  readonly taskId: string;
  readonly attempt: number;
  readonly type: string;
  readonly input: Json;
}

type Outcome = { readonly result: Json; readonly artifacts?: Json } | { readonly error: Json };

interface Sent {
  readonly key?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Got {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
  readonly body: any;
}

interface WorldOptions {
  readonly endedTasksMax?: number;
  readonly behaviors?: readonly Behavior[];
}

/** A gateway over the whole domain: a real kernel and real read models on ports in memory, spoken to by HTTP alone. */
export class World {
  readonly clock = new SystemClock();
  readonly random = new SystemRandom();
  readonly log = new MemoryLog(this.clock, this.random, shards);
  readonly bus = new MemoryBus(this.clock);
  readonly tail = new MemoryTail(this.bus);
  readonly commands = new MemoryCommands(this.bus, this.clock, registry, shards);
  readonly artifacts = new MemoryArtifacts();
  readonly output = new MemoryOutput();
  readonly keys = new MemoryKeys(this.random);
  readonly defects: unknown[] = [];
  /** Of org `default`, every scope. */
  readonly key = this.keys.create('default', ['read', 'write', 'admin']);
  readonly worker = derivedId('wk', 'a worker');
  /** What becomes of an attempt: what it reports, or nothing (it keeps running). */
  work: (attempt: Attempt) => Outcome | undefined = () => ({ result: null });
  #kernel!: Kernel;
  #projections!: Projections;
  #gateways: Gateway[] = [];
  readonly #running = new Map<string, Attempt>();
  #beats: NodeJS.Timeout | undefined;
  #sent = 0;

  /** `endedTasksMax`: of tasks that have ended, so many stay in memory. `behaviors`: of the kernel, in the place of the right ones. */
  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World();
    await world.#start(options);
    return world;
  }

  async #start({ behaviors: decided = behaviors, ...bounds }: WorldOptions): Promise<void> {
    const defect = (error: unknown): void => void this.defects.push(error);
    this.#kernel = await startKernel({
      log: this.log,
      bus: this.bus,
      clock: this.clock,
      random: this.random,
      logger: { info: () => {}, warn: () => {}, error: defect },
      behaviors: decided,
      translate: (publication, now) => translatePublication(publication, micros(now), (prefix) => this.id(prefix)),
      parkPublication,
      idempotencyDays: 7,
      eventsFor: () => false,
      onDefect: defect,
    });
    await this.#kernel.ready;
    this.bus.onWork(({ pool, payload }) => {
      if (!capacity.pools.includes(pool)) return;
      for (const attempt of JSON.parse(Buffer.from(payload).toString()) as Attempt[]) void this.#run(attempt);
    });
    this.#projections = startProjections({
      log: this.log,
      tail: this.tail,
      clock: this.clock,
      shapes: registry,
      onProblem: () => {},
      ...bounds,
    });
    await this.#projections.level;
    await this.gateway();
    await this.employ('default', this.worker);
    this.#beats = setInterval(() => this.#beat(), 500);
    this.#beat();
  }

  /** Another gateway on the same read models. */
  async gateway(options: { readonly hasRead?: boolean; readonly port?: number } = {}): Promise<Gateway> {
    const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
    const { level } = this.#projections;
    const gateway = await startGateway({
      host: '127.0.0.1',
      port: options.port ?? 0,
      projections:
        options.hasRead === false ? { ...this.#projections, level: new Promise(() => {}) } : this.#projections,
      commands: this.commands,
      keys: this.keys,
      artifacts: this.artifacts,
      output: this.output.read,
      probes: { postgres: () => this.log.meta() },
      clock: this.clock,
      random: this.random,
      log: { ...quiet, error: (fields) => this.defects.push(fields) },
    });
    this.#gateways.push(gateway);
    await level;
    return gateway;
  }

  get port(): number {
    return (this.#gateways[0] as Gateway).port;
  }

  get projections(): Projections {
    return this.#projections;
  }

  id(prefix: string): string {
    return timeId(prefix, Math.floor(this.clock.now() / 1000), this.random.bytes(10));
  }

  async stop(): Promise<void> {
    clearInterval(this.#beats);
    for (const gateway of this.#gateways) await gateway.stop();
    await this.#projections.stop();
    await this.#kernel.stop();
  }

  // — HTTP —

  async call(
    method: string,
    path: string,
    { key = this.key, body, headers = {} }: Sent = {},
    port = this.port,
  ): Promise<Got> {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, headers: answer.headers, body: isJson && text !== '' ? JSON.parse(text) : text };
  }

  get(path: string, sent: Sent = {}): Promise<Got> {
    return this.call('GET', path, sent);
  }

  post(path: string, body?: unknown, sent: Sent = {}): Promise<Got> {
    return this.call('POST', path, { ...sent, body });
  }

  /** Creates something, and waits until reads have it. */
  async create(path: string, body: unknown, sent: Sent = {}): Promise<string> {
    const { status, body: created, headers } = await this.post(path, body, sent);
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(created)}`);
    await this.#projections.waitFor(headers.get('astra-position') ?? '', 10_000);
    return (created as { id: string }).id;
  }

  agent(more: object = {}, sent: Sent = {}): Promise<string> {
    return this.create('/v1/agents', { name: `agent ${++this.#sent}`, ...more }, sent);
  }

  /** As the kernel tells what watches over an agent that it has failed; resolves with its id. */
  async fail(agent: string, times: number): Promise<string> {
    const of = { org: 'default', type: 'agent', id: agent };
    const home = registry.shardOf(of, (await this.log.meta()).shards) as Shard;
    const to = supervisorOf(of, home, 'sv');
    for (let i = 0; i < times; i++) {
      const id = `failed:${++this.#sent}`;
      const body = { of, code: 'internal', deadLetter: 'dl_0' };
      const envelope = { to, verb: 'failed', id, body, principal: 'kernel', correlationId: id, hops: 0 };
      await this.bus.sendCommand(home, envelope);
    }
    return to.id;
  }

  goal(agentId: string, tasks: readonly object[], more: object = {}, sent: Sent = {}): Promise<string> {
    return this.create('/v1/goals', { agentId, plan: { tasks }, ...more }, sent);
  }

  /** Waits until a read shows this; resolves with its body. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  shows(path: string, holds: (body: any) => boolean, sent: Sent = {}): Promise<any> {
    return until(async () => {
      const { status, body } = await this.get(path, sent);
      return status === 200 && holds(body) && body;
    });
  }

  // — A worker —

  /** Registers a worker; the one of org `default` is there from the start, and alive. */
  async employ(org: string, id: string): Promise<void> {
    const profile = { ...capacity, drivers: ['process'], host: 'h', version: '1' };
    const reply = await this.#send({ org, type: 'worker', id }, 'register', { profile });
    if (!reply.ok) throw new Error(reply.problem.detail);
    await this.#projections.waitFor(reply.position, 10_000);
  }

  #beat(): void {
    const running = [...this.#running.values()].map(({ taskId, attempt }) => ({ taskId, attempt }));
    this.bus.beat('default', this.worker, { ...capacity, free: capacity.slots, running });
  }

  async #run(attempt: Attempt): Promise<void> {
    const to = { org: 'default', type: 'task', id: attempt.taskId };
    const who = { attempt: attempt.attempt, worker: this.worker, incarnation: capacity.incarnation };
    if (!(await this.#send(to, 'claim', who)).ok) return;
    this.#running.set(attempt.taskId, attempt);
    const outcome = this.work(attempt);
    if (outcome) await this.report(attempt, outcome);
  }

  /** What an attempt ends with. */
  async report({ taskId, attempt }: Pick<Attempt, 'taskId' | 'attempt'>, outcome: Outcome): Promise<void> {
    const to = { org: 'default', type: 'task', id: taskId };
    const who = { attempt, worker: this.worker, incarnation: capacity.incarnation };
    await this.#send(to, 'result' in outcome ? 'complete' : 'fail', { ...who, ...outcome });
    this.#running.delete(taskId);
  }

  #send(to: Envelope['to'], verb: string, body: Json): Promise<Reply> {
    const id = this.id('cm');
    const principal = `worker:${this.worker}`;
    return this.commands.send({ to, verb, id, body, principal, correlationId: id, hops: 0 }, 10_000);
  }
}
