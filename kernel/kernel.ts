import type { Address } from './address.ts';
import type { Behavior } from './behavior.ts';
import { claimRetryMs, headsMs, leaseMs, leaseRenewMs, purgeMs, statsMs, timerTickMs } from './bounds.ts';
import { generation as asGeneration, type Generation, type Shard } from './brand.ts';
import type { Bus, Publication, Subscription } from './bus.ts';
import type { Clock } from './clock.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Envelope } from './envelope.ts';
import { AstraError, type Problem } from './errors.ts';
import { Histogram } from './histogram.ts';
import type { Kit } from './kit.ts';
import { type Heartbeat, Liveness } from './liveness.ts';
import type { Log, ShardRow } from './log.ts';
import type { Random } from './random.ts';
import { Registry } from './registry.ts';
import { Release } from './release.ts';
import { ShardRuntime } from './shard.ts';
import { TimerWheel } from './timers.ts';
import { Writer } from './writer.ts';

/** Where a kernel writes what operators should see. */
export interface KernelLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface KernelOptions {
  readonly log: Log;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: KernelLogger;
  readonly behaviors: readonly Behavior[];
  /** A publication as a command, or why it is none: the domain's translation (docs/nats.md, "Publishing in"). */
  readonly translate: (publication: Publication, now: number) => Envelope;
  /** What a publication that cannot be understood is parked as. */
  readonly parkPublication: (publication: Publication, problem: Problem, id: string) => Envelope;
  /** How long keyed commands that create nothing are remembered (ASTRA_IDEMPOTENCY_DAYS). */
  readonly idempotencyDays: number;
  /** Whether an org's events are published on EVT. */
  readonly eventsFor: (org: string) => boolean;
  /** A defect: the process should end. */
  readonly onDefect: (error: unknown) => void;
}

/** What a running kernel shows of itself. */
export interface KernelStats {
  readonly owner: string;
  readonly shards: readonly number[];
  readonly schedulingMs: ReturnType<Histogram['summary']>;
  readonly commits: number;
  readonly events: number;
  readonly queues: readonly { org: string; pool: string; type: string; waiting: number; outstanding: number }[];
}

export interface Kernel {
  readonly owner: string;
  stats(): KernelStats;
  /** Resolves once every shard of the database is owned by this process and running. */
  readonly ready: Promise<void>;
  /** Hands its shards back, cleanly: everything decided is committed first. */
  stop(): Promise<void>;
}

/**
 * Starts a kernel process: claims shards, levels with the bus, recovers each shard, and goes on from there
 * (docs/architecture.md, "Ownership and recovery").
 */
export async function startKernel(options: KernelOptions): Promise<Kernel> {
  const process = new KernelProcess(options);
  await process.start();
  return process;
}

class KernelProcess implements Kernel {
  readonly owner: string;
  readonly ready: Promise<void>;
  readonly #options: KernelOptions;
  readonly #registry: Registry;
  readonly #runtimes = new Map<Shard, ShardRuntime>();
  readonly #wheel: TimerWheel;
  readonly #liveness: Liveness;
  readonly #dispatcher: Dispatcher;
  readonly #writer: Writer;
  readonly #scheduling = new Histogram();
  readonly #subscriptions: Subscription[] = [];
  readonly #cancels = new Set<() => void>();
  #release!: Release;
  #kit!: Kit;
  #shards = 0;
  #generation: Generation = asGeneration(0);
  #ingress: Subscription | undefined;
  #stopping = false;
  #leveling: Promise<void> | undefined;
  #commits = 0;
  #events = 0;
  #resolveReady: () => void = () => {};

  constructor(options: KernelOptions) {
    this.#options = options;
    this.owner = `kn_${options.random.bytes(8).toString('hex')}`;
    this.#registry = new Registry(options.behaviors);
    this.#wheel = new TimerWheel(options.clock, timerTickMs);
    this.#liveness = new Liveness(
      options.clock,
      {
        attemptLost: (live, work, reason) =>
          this.#runtimeOf(live.address)?.local(live.address, 'lost', {
            attempt: work.attempt,
            worker: work.worker,
            incarnation: work.incarnation,
            reason,
          }),
        presenceLost: (live, incarnation, reason) =>
          this.#runtimeOf(live.address)?.local(live.address, 'lost', { incarnation, reason }),
        presenceHeard: ({ org, id }, incarnation) => {
          const to = { org, type: 'worker', id };
          this.#runtimeOf(to)?.local(to, 'returned', { incarnation });
        },
        answer: (org, worker, message) => options.bus.sendControl(org, worker, Buffer.from(JSON.stringify(message))),
        standing: (org, actorId) => {
          const address = { org, type: 'task', id: actorId };
          const runtime = this.#runtimeOf(address);
          if (!runtime?.running) return 'elsewhere';
          return runtime.find(address) ?? 'gone';
        },
        ownedShards: () => [...this.#runtimes.keys()],
      },
      () => this.#dispatcher.pump(),
    );
    this.#dispatcher = new Dispatcher(this.#liveness, (live) =>
      this.#runtimeOf(live.address)?.local(live.address, 'offer', {}),
    );
    this.#writer = new Writer({
      owner: this.owner,
      log: options.log,
      clock: options.clock,
      release: (landed) => {
        this.#commits++;
        this.#events += landed.part.events.length;
        this.#release.landed(landed);
        if (landed.part.got) this.#confirm(landed.part.shard, landed.part.got);
      },
      lost: (shard, reason) => this.#lose(shard, reason),
      onTrouble: (message, cause) => this.#trouble(message, cause),
    });
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  stats(): KernelStats {
    return {
      owner: this.owner,
      shards: [...this.#runtimes.keys()],
      schedulingMs: this.#scheduling.summary(),
      commits: this.#commits,
      events: this.#events,
      queues: [...this.#dispatcher.depths()],
    };
  }

  async start(): Promise<void> {
    const { log, bus, clock, random } = this.#options;
    const before = clock.monotonicMs();
    const meta = await log.meta();
    clock.anchor(meta.now, (before + clock.monotonicMs()) / 2);
    this.#shards = meta.shards;
    this.#generation = meta.generation;
    this.#release = new Release({
      bus,
      clock,
      registry: this.#registry,
      shards: meta.shards,
      attemptsPerMessage: (org, pool) => this.#liveness.perWorker(org, pool),
      onScheduled: (ms) => this.#scheduling.record(ms),
      onTrouble: (message, cause) => this.#trouble(message, cause),
    });
    this.#kit = {
      owner: this.owner,
      shards: meta.shards,
      registry: this.#registry,
      log,
      bus,
      clock,
      random,
      wheel: this.#wheel,
      board: {
        changed: (live, was, is) => {
          this.#liveness.changed(live, was, is);
          this.#dispatcher.changed(live, was, is);
        },
        presence: (live, incarnation) => this.#liveness.presence(live, incarnation),
      },
      idempotencyDays: this.#options.idempotencyDays,
      serving: (org, route) => this.#liveness.serving(org, route),
      generation: () => this.#generation,
      eventsFor: this.#options.eventsFor,
      poke: (shard) => this.#writer.poke(shard),
      settled: (shard) => this.#writer.settled(shard),
      offerAgain: (shard, offer) => this.#release.offer(shard, [offer]),
      onParked: (shard, id, problem) =>
        this.#options.logger.warn({ shard, deadLetter: id, code: problem.code }, `parked: ${problem.detail}`),
      onDefect: this.#options.onDefect,
      onReset: (shard, cause) => this.#trouble(`shard ${shard} folds its memory again from the log`, cause),
    };
    this.#subscriptions.push(
      await bus.onHeartbeat((org, worker, payload) => {
        const beat = readHeartbeat(payload);
        if (beat) this.#liveness.heard(org, worker, beat);
      }),
    );
    bus.onConnection((state) => {
      this.#liveness.connection(state);
      if (state === 'back') void this.#level();
    });
    this.#liveness.start();
    await this.#claim();
    this.#every(leaseRenewMs, () => this.#renew());
    this.#every(headsMs, async () => this.#announce());
    this.#every(purgeMs, () => this.#housekeep());
    this.#every(statsMs, async () => this.#options.bus.sendStats(this.owner, this.stats()));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const cancel of this.#cancels) cancel();
    this.#liveness.stop();
    await this.#ingress?.stop().catch(() => {});
    for (const subscription of this.#subscriptions) await subscription.stop().catch(() => {});
    const runtimes = [...this.#runtimes.values()];
    await Promise.all(runtimes.map((runtime) => runtime.quiesce()));
    await this.#writer.stop();
    await Promise.all(runtimes.map((runtime) => runtime.stop()));
    this.#wheel.stop();
    await this.#options.log
      .release(
        this.owner,
        runtimes.map(({ shard, epoch }) => ({ shard, epoch })),
      )
      .catch((cause: unknown) => this.#trouble('the shards could not be handed back: their leases run out', cause));
  }

  #runtimeOf(address: Address): ShardRuntime | undefined {
    try {
      const shard = this.#registry.shardOf(address, this.#shards);
      return shard === undefined ? undefined : this.#runtimes.get(shard);
    } catch {
      return undefined;
    }
  }

  /** Claims what is free or expired, again and again: what another owner holds becomes free when its lease runs out. */
  async #claim(): Promise<void> {
    if (this.#stopping) return;
    try {
      if (this.#runtimes.size < this.#shards) {
        const rows = (await this.#options.log.claim(this.owner, leaseMs)).filter(
          ({ shard }) => !this.#runtimes.has(shard),
        );
        if (rows.length > 0) await this.#take(rows);
        if (this.#runtimes.size === this.#shards) this.#resolveReady();
      }
    } catch (cause) {
      this.#trouble('shards could not be claimed: trying again', cause);
    }
    this.#after(claimRetryMs, () => this.#claim());
  }

  async #take(rows: readonly ShardRow[]): Promise<void> {
    const runtimes = rows.map((row) => new ShardRuntime(row, this.#kit));
    for (const runtime of runtimes) this.#runtimes.set(runtime.shard, runtime);
    await this.#level();
    const got = new Map<Shard, readonly number[]>();
    for (const head of await this.#options.log.heads()) got.set(head.shard, head.got);
    let events = 0;
    for (const [index, runtime] of runtimes.entries()) {
      const row = rows[index] as ShardRow;
      events += row.seq - row.flushedSeq;
      await runtime.start(row, (to) => got.get(to)?.[runtime.shard] ?? 0);
    }
    this.#options.logger.info({ owner: this.owner, shards: rows.length, events }, 'shards claimed and recovered');
    if (rows.some(({ shard }) => shard === 0)) await this.#openIngress();
    this.#dispatcher.pump();
  }

  /**
   * Levels with the bus after every (re)connect: when it forgot, the generation is raised, the streams are made anew, and
   * what was in flight is derived again from the log (I7).
   */
  async #level(): Promise<void> {
    while (this.#leveling) await this.#leveling;
    this.#leveling = this.#levelOnce().finally(() => {
      this.#leveling = undefined;
    });
    await this.#leveling;
  }

  async #levelOnce(): Promise<void> {
    const { bus, log } = this.#options;
    for (;;) {
      if (this.#stopping) return;
      try {
        const lanes = new Map([...this.#runtimes].map(([shard, { committed }]) => [shard, committed.lane]));
        const current = new Map([...lanes].filter(([, lane]) => lane.generation === this.#generation));
        const state = await bus.inspect(this.#generation, current);
        if (state.state === 'forgot') {
          const highest = Math.max(state.highestSequence, ...[...lanes.values()].map(({ sequence }) => sequence));
          this.#options.logger.warn(
            { reason: state.reason },
            'the bus forgot: raising its generation and deriving again what was in flight',
          );
          this.#generation = await log.raiseGeneration(this.#generation);
          await bus.recreate(this.#generation, highest);
        }
        const behind = [...this.#runtimes.values()].filter(
          (runtime) => runtime.committed.lane.generation !== this.#generation,
        );
        await Promise.all(behind.map((runtime) => runtime.restartLane(this.#generation)));
        return;
      } catch (cause) {
        this.#trouble('the bus could not be inspected: trying again', cause);
        await new Promise<void>((resolve) => this.#options.clock.after(claimRetryMs, resolve));
      }
    }
  }

  async #openIngress(): Promise<void> {
    await this.#ingress?.stop().catch(() => {});
    this.#ingress = await this.#options.bus.openIngress((publication) => this.#forwardPublication(publication));
  }

  /** The owner of shard 0 alone forwards publications, in stream order; those it cannot read become dead letters. */
  async #forwardPublication(publication: Publication): Promise<void> {
    const { translate, parkPublication, bus, clock, random } = this.#options;
    let envelope: Envelope;
    try {
      envelope = translate(publication, clock.now());
    } catch (error) {
      if (!(error instanceof AstraError)) throw error;
      const problem = error.toProblem();
      const park = parkPublication(publication, problem, random.bytes(16).toString('hex'));
      await this.#sendCommand(park);
      if (publication.replyTo !== undefined) bus.reply(publication.replyTo, { ok: false, problem });
      return;
    }
    await this.#sendCommand(envelope);
  }

  async #sendCommand(envelope: Envelope): Promise<void> {
    const shard = this.#registry.shardOf(envelope.to, this.#shards);
    if (shard === undefined) throw new Error(`no shard for ${envelope.to.type}`);
    await this.#options.bus.sendCommand(shard, envelope);
  }

  #confirm(receiver: Shard, got: readonly number[]): void {
    for (const [sender, runtime] of this.#runtimes) runtime.outgoing.confirm(receiver, got[sender] ?? 0);
  }

  #lose(runtime: ShardRuntime, reason: string): void {
    if (this.#runtimes.get(runtime.shard) === runtime) this.#runtimes.delete(runtime.shard);
    this.#options.logger.warn({ shard: runtime.shard, reason }, 'shard lost: it stops here');
    void runtime.stop();
  }

  async #renew(): Promise<void> {
    const held = new Set(await this.#options.log.renew(this.owner, leaseMs));
    for (const [shard, runtime] of this.#runtimes)
      if (!held.has(shard) && runtime.running) this.#lose(runtime, 'the lease is another owner’s');
  }

  #announce(): void {
    this.#options.bus.sendHeads(
      [...this.#runtimes.values()].map(({ shard, epoch, committed }) => ({
        shard,
        epoch,
        seq: committed.seq,
        hash: committed.hash.toString('hex'),
      })),
    );
  }

  async #housekeep(): Promise<void> {
    let elsewhere = false;
    for (const runtime of this.#runtimes.values()) {
      runtime.sweep();
      runtime.purge();
      for (const to of runtime.outgoing.waiting()) elsewhere ||= !this.#runtimes.has(to);
    }
    if (elsewhere) for (const head of await this.#options.log.heads()) this.#confirm(head.shard, head.got);
    for (const runtime of this.#runtimes.values()) if (runtime.running) await runtime.outgoing.look();
  }

  #trouble(message: string, cause: unknown): void {
    if (cause instanceof AstraError) {
      this.#options.logger.warn({ code: cause.code, detail: cause.message }, message);
      return;
    }
    this.#options.logger.error({ err: cause }, message);
  }

  /** Repeats a duty; a failure is told and does not end it. */
  #every(ms: number, duty: () => Promise<void>): void {
    this.#after(ms, async () => {
      try {
        await duty();
      } catch (cause) {
        this.#trouble('a duty of the kernel failed: it is repeated', cause);
      }
      this.#every(ms, duty);
    });
  }

  #after(ms: number, then: () => Promise<void>): void {
    if (this.#stopping) return;
    const cancel = this.#options.clock.after(ms, () => {
      this.#cancels.delete(cancel);
      if (!this.#stopping) then().catch((error: unknown) => this.#options.onDefect(error));
    });
    this.#cancels.add(cancel);
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
const areTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);

/** A heartbeat, or undefined when it is none: a worker that speaks nonsense is not heard. */
function readHeartbeat(payload: Uint8Array): Heartbeat | undefined {
  try {
    const beat = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<Heartbeat>;
    if (!isText(beat.incarnation) || typeof beat.slots !== 'number' || !areTexts(beat.pools) || !areTexts(beat.types))
      return undefined;
    if (
      !Array.isArray(beat.running) ||
      !beat.running.every((one) => isText(one?.taskId) && typeof one.attempt === 'number')
    )
      return undefined;
    return beat as Heartbeat;
  } catch {
    return undefined;
  }
}
