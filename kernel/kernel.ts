import type { Address } from './address.ts';
import { Background } from './background.ts';
import type { Behavior } from './behavior.ts';
import {
  busRetryMs,
  clockAnswerMaxMs,
  clockMs,
  headsMs,
  inspectMs,
  offerRetryMs,
  purgeMs,
  statsMs,
  stopMs,
  timerTickMs,
} from './bounds.ts';
import type { Shard } from './brand.ts';
import type { Bus, Publication, Subscription } from './bus.ts';
import { BusLevel, leadingShard } from './bus-level.ts';
import { Trials } from './careful.ts';
import type { Clock } from './clock.ts';
import { Dispatcher } from './dispatcher.ts';
import { Duties } from './duties.ts';
import type { Envelope } from './envelope.ts';
import { AstraError, type Problem } from './errors.ts';
import { Forwarder } from './forwarder.ts';
import { readHeartbeat } from './heartbeat.ts';
import { Histogram } from './histogram.ts';
import type { KernelLogger } from './kernel-logger.ts';
import type { Kit } from './kit.ts';
import { Liveness } from './liveness.ts';
import type { Log, LogMeta } from './log.ts';
import { Ownership } from './ownership.ts';
import type { Random } from './random.ts';
import { Registry } from './registry.ts';
import { Release } from './release.ts';
import { ShardRuntime } from './shard.ts';
import { TimerWheel } from './timers.ts';
import { Writer } from './writer.ts';

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
  /** Resolves once this process owns its share of the shards, as many as the others that live leave to it, and all of them run. */
  readonly ready: Promise<void>;
  /** Hands its shards over to the others, cleanly: everything decided is committed first. */
  stop(): Promise<void>;
}

/**
 * Starts a kernel process: claims its share of the shards, levels with the bus, recovers each shard, and goes on from there
 * (docs/architecture.md, "Ownership and recovery").
 */
export async function startKernel(options: KernelOptions): Promise<Kernel> {
  const process = new KernelProcess(options);
  await process.start();
  return process;
}

class KernelProcess implements Kernel {
  readonly owner: string;
  readonly #options: KernelOptions;
  readonly #registry: Registry;
  readonly #wheel: TimerWheel;
  readonly #background = new Background((cause) =>
    this.#trouble('snapshots and timers ahead wait: they are tried again', cause),
  );
  readonly #liveness: Liveness;
  readonly #dispatcher: Dispatcher;
  readonly #writer: Writer;
  readonly #scheduling = new Histogram();
  readonly #subscriptions: Subscription[] = [];
  readonly #duties: Duties;
  #ownership!: Ownership;
  #release!: Release;
  #level!: BusLevel;
  #forwarder!: Forwarder;
  #kit!: Kit;
  #shards = 0;
  #stopping = false;
  #commits = 0;
  #events = 0;

  constructor(options: KernelOptions) {
    this.#options = options;
    this.owner = `kn_${options.random.bytes(8).toString('hex')}`;
    this.#registry = new Registry(options.behaviors);
    this.#wheel = new TimerWheel(options.clock, timerTickMs);
    this.#duties = new Duties({
      clock: options.clock,
      onFailed: (cause) => this.#trouble('a duty of the kernel failed: it is repeated', cause),
      onDefect: options.onDefect,
    });
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
          const to = this.#registry.addressOf(org, id);
          if (!to || !this.#registry.behavior(to.type)?.presence) return false;
          return this.#runtimeOf(to)?.local(to, 'returned', { incarnation }) ?? false;
        },
        answer: (org, worker, message) => options.bus.sendControl(org, worker, Buffer.from(JSON.stringify(message))),
        standing: (org, actorId) => {
          const address = this.#registry.addressOf(org, actorId);
          const runtime = address && this.#runtimeOf(address);
          // Another owner may have gone on: then what is known here is of the past.
          if (!address || !runtime?.running || !this.#ownership.sure) return 'elsewhere';
          const live = runtime.find(address);
          if (!live) return 'gone';
          // I1: what is decided and not committed is told by nobody.
          return runtime.isCommitted(live) ? live : 'elsewhere';
        },
        ownedShards: () => [...this.#ownership.runtimes.keys()],
      },
      () => this.#dispatcher.pump(),
    );
    this.#dispatcher = new Dispatcher({
      capacity: this.#liveness,
      share: () => this.#ownership.part,
      offer: (live, decided) => this.#runtimeOf(live.address)?.local(live.address, 'offer', {}, decided) ?? false,
    });
    this.#writer = new Writer({
      owner: this.owner,
      log: options.log,
      clock: options.clock,
      release: (landed) => {
        this.#commits++;
        this.#events += landed.part.events.length;
        if (landed.part.got) this.#confirm(landed.part.shard, landed.part.got);
        this.#release.landed(landed);
      },
      lost: (shard, reason) => this.#ownership.lose(shard, reason),
      onTrouble: (message, cause) => this.#trouble(message, cause),
      onDefect: options.onDefect,
    });
  }

  get ready(): Promise<void> {
    return this.#ownership.ready;
  }

  stats(): KernelStats {
    return {
      owner: this.owner,
      shards: [...this.#ownership.runtimes.keys()],
      schedulingMs: this.#scheduling.summary(),
      commits: this.#commits,
      events: this.#events,
      queues: [...this.#dispatcher.depths()],
    };
  }

  async start(): Promise<void> {
    const { log, bus, clock, random } = this.#options;
    const meta = await this.#readClock();
    this.#shards = meta.shards;
    this.#ownership = new Ownership({
      owner: this.owner,
      shards: meta.shards,
      log,
      clock,
      duties: this.#duties,
      logger: this.#options.logger,
      runtime: (row) => new ShardRuntime(row, this.#kit),
      level: () => this.#level.level(),
      settled: (runtime) => this.#writer.settled(runtime),
      onRunning: (shard) => {
        if (shard === leadingShard) void this.#openIngress();
        this.#dispatcher.pump();
      },
      onLeaving: async (shard) => {
        if (shard === leadingShard) await this.#forwarder.stop();
      },
      onTrouble: (message, cause) => this.#trouble(message, cause),
    });
    this.#level = new BusLevel(
      {
        owner: this.owner,
        shards: meta.shards,
        bus,
        log,
        clock,
        runtimes: () => [...this.#ownership.runtimes.values()],
        stopping: () => this.#stopping,
        onForgot: (reason) =>
          this.#options.logger.warn(
            { reason },
            'the bus forgot: raising its generation and deriving again what was in flight',
          ),
        onTrouble: (message, cause) => this.#trouble(message, cause),
      },
      meta.generation,
    );
    const gate = (): Promise<void> | undefined => this.#level.gate;
    this.#forwarder = new Forwarder({
      bus,
      clock,
      random,
      gate,
      registry: this.#registry,
      shards: meta.shards,
      translate: this.#options.translate,
      park: this.#options.parkPublication,
      onTrouble: (message, cause) => this.#trouble(message, cause),
    });
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
      background: this.#background,
      board: {
        changed: (live, was, is) => {
          this.#liveness.changed(live, was, is);
          this.#dispatcher.changed(live, was, is);
        },
        presence: (live, incarnation) => this.#liveness.presence(live, incarnation),
      },
      trials: new Trials(),
      load: { bytes: 0 },
      idempotencyDays: this.#options.idempotencyDays,
      serving: (org, route) => this.#liveness.serving(org, route),
      generation: () => this.#level.generation,
      gate,
      eventsFor: this.#options.eventsFor,
      poke: (shard) => this.#writer.poke(shard),
      settled: (shard) => this.#writer.settled(shard),
      offerAgain: (shard, offer) => this.#release.offer(shard, [offer]),
      onParked: (shard, id, problem) =>
        this.#options.logger.warn({ shard, deadLetter: id, code: problem.code }, `parked: ${problem.detail}`),
      onSuspended: (actor, supervision) =>
        this.#options.logger.warn({ actor, supervision }, 'suspended: it failed too often'),
      onGivenUp: (shard, input, problem) =>
        this.#options.logger.error({ shard, input, code: problem.code }, `given up: ${problem.detail}`),
      onTrouble: (message, cause) => this.#trouble(message, cause),
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
      if (state === 'lost') this.#level.lost();
      else void this.#level.level();
    });
    this.#liveness.start();
    this.#duties.every(clockMs, async () => void (await this.#readClock(clockAnswerMaxMs)));
    this.#duties.every(headsMs, async () => this.#announce());
    this.#duties.every(purgeMs, () => this.#housekeep());
    this.#duties.every(inspectMs, () => this.#level.level());
    this.#duties.every(offerRetryMs, async () => this.#dispatcher.retryRefused());
    this.#duties.every(statsMs, async () => this.#options.bus.sendStats(this.owner, this.stats()));
    await this.#ownership.start();
  }

  /** Commits tell the store's time; a kernel that commits nothing has to ask. */
  async #readClock(answerMaxMs = Number.POSITIVE_INFINITY): Promise<LogMeta> {
    const { log, clock } = this.#options;
    const before = clock.monotonicMs();
    const meta = await log.meta();
    const after = clock.monotonicMs();
    // When in between the answer was given is not known: one that took long says less than what is known already.
    if (after - before <= answerMaxMs) clock.anchor(meta.now, (before + after) / 2);
    return meta;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#duties.stop();
    this.#liveness.stop();
    // First, so that the others are about to claim when there is something to be claimed.
    const left = this.#ownership.leave();
    await this.#forwarder.stop();
    for (const subscription of this.#subscriptions) await subscription.stop().catch(() => {});
    await this.#commitRest();
    await this.#ownership.end();
    this.#wheel.stop();
    this.#background.stop();
    await left;
  }

  /** What was decided is committed, if the store takes it in time. */
  async #commitRest(): Promise<void> {
    const committed = this.#ownership.drain().then(() => this.#writer.stop());
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(stopMs, resolve);
    });
    await Promise.race([committed, late]);
    cancel();
    this.#writer.abandon();
  }

  #runtimeOf(address: Address): ShardRuntime | undefined {
    try {
      const shard = this.#registry.shardOf(address, this.#shards);
      return shard === undefined ? undefined : this.#ownership.runtimes.get(shard);
    } catch {
      return undefined;
    }
  }

  async #openIngress(): Promise<void> {
    try {
      await this.#forwarder.open();
    } catch (cause) {
      this.#trouble('publications cannot be read: trying again', cause);
      this.#duties.after(busRetryMs, async () => {
        if (this.#ownership.runtimes.get(leadingShard)?.running) await this.#openIngress();
      });
    }
  }

  #confirm(receiver: Shard, got: readonly number[]): void {
    for (const [sender, runtime] of this.#ownership.runtimes) runtime.confirmed(receiver, got[sender] ?? 0);
  }

  #announce(): void {
    this.#options.bus.sendHeads(
      [...this.#ownership.runtimes.values()].map(({ shard, epoch, committed }) => ({
        shard,
        epoch,
        seq: committed.seq,
        hash: committed.hash.toString('hex'),
      })),
    );
  }

  async #housekeep(): Promise<void> {
    const { runtimes } = this.#ownership;
    let elsewhere = false;
    for (const runtime of runtimes.values()) {
      runtime.sweep();
      if (!this.#level.looking && !this.#level.gate) runtime.purge();
      for (const to of runtime.outgoing.waiting()) elsewhere ||= !runtimes.has(to);
    }
    if (elsewhere) for (const head of await this.#options.log.heads()) this.#confirm(head.shard, head.got);
    // What could not be opened, or only in part, is opened with another look at the bus.
    if ([...runtimes.values()].some(({ running, isOpen }) => running && !isOpen)) await this.#level.level();
    for (const runtime of runtimes.values()) if (runtime.running) await runtime.outgoing.look();
  }

  #trouble(message: string, cause: unknown): void {
    if (cause instanceof AstraError) {
      this.#options.logger.warn({ code: cause.code, detail: cause.message }, message);
      return;
    }
    this.#options.logger.error({ err: cause }, message);
  }
}
