import { createHash } from 'node:crypto';
import { behaviors } from '../../actors/index.ts';
import type { Behavior } from '../../kernel/behavior.ts';
import type { Generation, Shard } from '../../kernel/brand.ts';
import type { Envelope, Json, Reply } from '../../kernel/envelope.ts';
import { MemoryBus } from '../../kernel/memory/bus.ts';
import { Registry } from '../../kernel/registry.ts';
import { org, SimClient } from './client.ts';
import { Database } from './database.ts';
import { Dice } from './dice.ts';
import { Failures, parkedCommandId, withPolicies } from './failures.ts';
import { SimGateway } from './gateway.ts';
import { SimKernel } from './kernel.ts';
import { LaneCheck } from './lane-check.ts';
import { LogCheck } from './log-check.ts';
import { MailCheck } from './mail-check.ts';
import { MailboxCheck } from './mailbox-check.ts';
import type { Mutation } from './mutations.ts';
import { Network } from './network.ts';
import type { Probe } from './probe.ts';
import type { SimProcess } from './process.ts';
import { PromiseCheck } from './promise-check.ts';
import { StoryCheck } from './story-check.ts';
import { Time } from './time.ts';
import type { Violation } from './violation.ts';
import { WorkStream } from './work-stream.ts';
import { SimWorker } from './worker.ts';

/** What happened last, kept for whoever reads a violation. */
const notesMax = 40;

/** What is part of a run's hash, beside its commits. */
const hashed = new Set(['reply', 'sendLog', 'sendChannel', 'sendWork', 'sendControl', 'recreate']);

const registry = new Registry(behaviors);
const typesOfWorkers: readonly (readonly string[])[] = [
  ['noop', 'calc'],
  ['noop', 'plan'],
  ['calc', 'plan'],
];

/** Everything of one run: the machines and what runs on them, and the checks that watch. */
export class World {
  readonly seed: number;
  readonly mutation: Mutation | undefined;
  readonly time = new Time();
  readonly dice: Dice;
  readonly registry = registry;
  readonly behaviors: readonly Behavior[];
  readonly failures = new Failures();
  readonly shards: number;
  readonly database: Database;
  readonly network: Network;
  readonly work: WorkStream;
  readonly commits: LogCheck;
  readonly story: StoryCheck;
  readonly promises: PromiseCheck;
  readonly lanes: LaneCheck;
  readonly mail: MailCheck;
  readonly mailboxes = new MailboxCheck();
  readonly client: SimClient;
  readonly goalsMax: number;
  readonly tasksMax: number;
  /** Milliseconds between two requests, on average. */
  readonly paceMs: number;
  kernels: SimKernel[] = [];
  workers: SimWorker[] = [];
  gateway: SimGateway;
  /** Nothing goes wrong any more: what is open comes to its end. */
  isCalm = false;
  violation: Violation | undefined;
  readonly notes: string[] = [];
  onProbe: (probe: Probe) => void = () => {};
  readonly #hash = createHash('sha256');
  readonly #shared = new Map<string, unknown>();
  #lives = 0;
  /** Of the last message on any lane. */
  #sequence = 0;

  constructor(seed: number, mutation?: Mutation) {
    this.seed = seed;
    this.mutation = mutation;
    this.dice = this.diceOf('world');
    this.behaviors = withPolicies(behaviors, this.diceOf('policies'), org);
    this.shards = this.dice.pick([1, 3, 4]);
    this.goalsMax = 2 + this.dice.int(5);
    this.tasksMax = 1 + this.dice.int(7);
    this.paceMs = this.dice.between(200, 1500);
    this.commits = new LogCheck(this.shards, registry, this.violate);
    this.story = new StoryCheck(this.violate);
    this.mail = new MailCheck(this.violate);
    this.lanes = new LaneCheck(this.time, this.mailboxes, this.violate);
    this.database = new Database(this.time, this.shards, this.commits);
    this.commits.keys = this.database.key;
    this.promises = new PromiseCheck(this.database.log, this.commits, this.story, this.violate);
    this.network = new Network(new MemoryBus(this.database.clock), this.promises);
    this.work = new WorkStream(this.network.bus, this.time, this.diceOf('work'));
    this.#watch();
    mutation?.world?.(this);
    const kernels = 1 + this.dice.int(3);
    for (let i = 0; i < kernels; i++) this.startKernel();
    this.gateway = this.startGateway();
    for (const [i] of typesOfWorkers.entries()) this.startWorker(i);
    this.client = new SimClient(this);
  }

  #watch(): void {
    this.commits.onEvent = (event, stored) => {
      this.story.hear(event);
      this.mail.hear(event);
      this.mailboxes.hear(event);
      const parked = event.type === 'DeadLetterParked' ? parkedCommandId(event.data) : undefined;
      if (parked !== undefined) this.failures.parked(parked);
      this.note(
        `commit ${event.shard}:${event.seq} e${event.epoch} ${event.type} ${event.actor.id} ${event.commandId}`,
      );
      this.#hash.update(stored.hash);
    };
    this.commits.onCommit = (part) => {
      this.lanes.committed(part);
      this.#hash.update(`${part.shard} ${part.epoch} ${part.seq} ${part.lane.generation}/${part.lane.sequence};`);
    };
    this.promises.onReply = (subject) => this.lanes.answered(subject);
    this.promises.onSent = (name, args) => {
      if (name === 'recreate') {
        this.lanes.recreated();
        this.commits.recreated(args[0] as Generation);
      }
      if (!hashed.has(name)) return;
      this.#hash.update(`${this.time.nowMs} ${name}`);
      for (const arg of args) this.#hash.update(arg instanceof Uint8Array ? arg : (JSON.stringify(arg) ?? ''));
    };
  }

  /** Of all that was committed and sent so far. */
  get hash(): string {
    return this.#hash.copy().digest('hex');
  }

  diceOf(name: string): Dice {
    return new Dice(this.seed, name);
  }

  readonly violate = (invariant: string, detail: string): void => {
    this.violation ??= { invariant, detail };
  };

  note(text: string): void {
    this.notes.push(`${this.time.nowMs.toFixed(1).padStart(9)} ms  ${text}`);
    if (this.notes.length > notesMax * 2) this.notes.splice(0, notesMax);
  }

  /** What all processes of this world share for a planted bug. */
  shared<T>(name: string, make: () => T): T {
    if (!this.#shared.has(name)) this.#shared.set(name, make());
    return this.#shared.get(name) as T;
  }

  probe(probe: Probe): void {
    this.onProbe(probe);
  }

  // — Processes —

  startKernel(): SimKernel {
    const kernel = new SimKernel(this, `kernel.${++this.#lives}`);
    this.kernels.push(kernel);
    return kernel;
  }

  startGateway(): SimGateway {
    this.gateway = new SimGateway(this, `gateway.${++this.#lives}`);
    return this.gateway;
  }

  startWorker(index: number): void {
    this.workers[index] = new SimWorker(this, org, `worker ${index}`, ++this.#lives, typesOfWorkers[index] ?? []);
  }

  /** A kernel's process has ended; another life of it begins some time later. */
  kernelEnded(kernel: SimKernel, pauseMs: number): void {
    this.lanes.disturbed();
    this.kernels = this.kernels.filter((other) => other !== kernel);
    this.time.after(pauseMs, () => this.startKernel());
  }

  resume(process: SimProcess): void {
    if (process.state === 'paused') this.note(`${process.name} goes on`);
    process.resume();
  }

  /** Nothing goes wrong from here on, and what was wrong is right. */
  calm(): void {
    this.isCalm = true;
    this.note('calm');
    this.database.trouble = 0;
    this.database.diskMs = 0;
    this.database.log.up = true;
    this.network.trouble = 0;
    this.work.trouble = 0;
    this.failures.over();
    if (!this.network.bus.up) this.reconnect();
    for (const { process } of [...this.kernels, ...this.workers, this.gateway]) {
      process.doom = undefined;
      this.resume(process);
    }
  }

  // — The bus as a whole —

  disconnect(): void {
    this.lanes.disturbed();
    this.network.bus.disconnect();
  }

  reconnect(): void {
    this.lanes.disturbed();
    this.network.bus.reconnect();
  }

  wipe(): void {
    this.lanes.forgot();
    this.work.wipe();
    this.commits.lanesMayGoBack = true;
    this.network.bus.wipe();
    this.network.isBare = true;
  }

  rollBack(by: number): void {
    this.lanes.forgot();
    this.commits.lanesMayGoBack = true;
    this.network.bus.rollBack(Math.max(0, this.#sequence - by));
  }

  /** A worker's process ends; another life of it begins some time later. */
  workerDied(worker: SimWorker): void {
    const index = this.workers.indexOf(worker);
    worker.process.kill();
    this.note(`${worker.process.name} died`);
    if (index >= 0) this.time.after(this.dice.between(300, 9000), () => this.startWorker(index));
  }

  // — What is said on the bus —

  /** Puts a command on its lane. */
  async command(envelope: Envelope, from: SimProcess, isDirect = true): Promise<void> {
    const shard = registry.shardOf(envelope.to, this.shards) as Shard;
    await this.#put(shard, from, isDirect ? envelope.replyTo : undefined, () =>
      this.network.bus.sendEntries(shard, [{ ok: true, envelope }]),
    );
  }

  /** Puts many on one lane at once, as they come from a socket; nobody waits for them. */
  async flood(envelopes: readonly Envelope[], from: SimProcess): Promise<void> {
    const { network } = this;
    await network.ask(from, async () => {
      network.isBunched = true;
      for (const envelope of envelopes) {
        const shard = registry.shardOf(envelope.to, this.shards) as Shard;
        this.#sequence = network.bus.sendEntries(shard, [{ ok: true, envelope }]);
      }
      this.time.after(1, () => {
        network.isBunched = false;
      });
    });
  }

  /** Puts what a worker says on a lane. */
  async batch(shard: Shard, of: string, entries: readonly object[], replyTo: string, from: SimProcess): Promise<void> {
    await this.#put(shard, from, replyTo, () =>
      this.network.bus.sendBatch(shard, of, entries as unknown as Json, replyTo),
    );
  }

  #put(shard: Shard, from: SimProcess, replyTo: string | undefined, send: () => number): Promise<void> {
    return this.network.ask(from, async () => {
      const sequence = send();
      this.#sequence = sequence;
      if (replyTo !== undefined) this.lanes.put(shard, sequence, replyTo);
    });
  }

  hear(process: SimProcess, subject: string, listener: (reply: Reply | readonly Reply[]) => void): void {
    this.network.bus.onReply(subject, (reply) => this.network.deliver(process, () => listener(reply)));
  }
}
