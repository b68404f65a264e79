import type { Subscription } from '../kernel/bus.ts';
import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import {
  heartbeatMs,
  lastReportsMs,
  lookLateMs,
  registerRetryMaxMs,
  registerRetryMinMs,
  shardSilenceMs,
  silenceLookMs,
  stopGraceMs,
} from './bounds.ts';
import { parseControl } from './control.ts';
import type { Handler } from './handler.ts';
import { builtInHandlers, servedHandlers } from './handlers/index.ts';
import { Outbox } from './outbox.ts';
import { Questions } from './questions.ts';
import { Registration } from './registration.ts';
import type { RunningWorker, WorkerOptions, WorkerStats } from './worker-options.ts';
import { Workload } from './workload.ts';

/**
 * Starts a worker: it registers, pulls attempts, claims what it can start, runs what the tasks' commits allow, and
 * reports (docs/nats.md, "Working"). Resolves at once; `registered` tells when the kernel knows it.
 * Throws `rejected` / `handler_missing` when `types` names one that nothing here implements.
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const handlers = servedHandlers([...builtInHandlers(options), ...(options.handlers ?? [])], options.types);
  const worker = new Worker(options, handlers);
  await worker.start();
  return worker;
}

class Worker implements RunningWorker {
  readonly workerId: string;
  readonly incarnation: string;
  readonly types: readonly string[];
  readonly registered: Promise<void>;
  readonly left: Promise<void>;
  readonly #options: WorkerOptions;
  readonly #outbox: Outbox;
  readonly #registration: Registration;
  readonly #workload: Workload;
  /** When a kernel last said that it owns a shard. */
  readonly #heard = new Map<number, number>();
  readonly #subscriptions: Subscription[] = [];
  readonly #cancels = new Map<string, () => void>();
  #state: 'joining' | 'working' | 'draining' | 'leaving' | 'left' = 'joining';
  #lookedMs: number;
  #heardAnyMs: number;
  #leaving: Promise<void> | undefined;
  #hasDrained = false;
  #tellRegistered: { resolve: () => void; reject: (error: unknown) => void };
  #tellLeft: () => void;

  constructor(options: WorkerOptions, handlers: ReadonlyMap<string, Handler>) {
    const { link, org, workerId, clock, random, log } = options;
    this.#options = options;
    this.types = [...handlers.keys()];
    this.workerId = workerId;
    this.incarnation = random.bytes(8).toString('hex');
    this.#outbox = new Outbox({ link, org, clock, random, log });
    this.#registration = new Registration({ link, org, workerId, profile: this.#profile(), clock, random, log });
    this.#workload = new Workload({
      ...options,
      incarnation: this.incarnation,
      handlers,
      outbox: this.#outbox,
      questions: new Questions({ link, org, workerId, incarnation: this.incarnation, clock }),
      onUnknown: () => this.#registerAgain(),
    });
    this.#lookedMs = clock.monotonicMs();
    this.#heardAnyMs = this.#lookedMs;
    const registered = Promise.withResolvers<void>();
    this.registered = registered.promise;
    this.registered.catch(() => undefined);
    this.#tellRegistered = registered;
    const left = Promise.withResolvers<void>();
    this.left = left.promise;
    this.#tellLeft = left.resolve;
  }

  async start(): Promise<void> {
    const { link, clock } = this.#options;
    link.onConnection((state) => {
      if (state === 'lost' || this.#state === 'left') return;
      this.#outbox.retryNow();
      this.#beat();
      // Silent for as long as makes a worker lost: it may have to be known again.
      if (this.#state === 'working' && clock.monotonicMs() - this.#heardAnyMs > shardSilenceMs) this.#registerAgain();
    });
    this.#join().catch((error: unknown) => {
      this.#options.log.error({ error: String(error) }, 'The kernel refuses this worker; it leaves.');
      this.#tellRegistered.reject(error);
      void this.stop({ graceMs: 0, reason: 'refused' });
    });
  }

  stats(): WorkerStats {
    return {
      slots: this.#options.slots,
      unanswered: this.#outbox.pending,
      ...this.#workload.counts(),
    };
  }

  // — Joining —

  #profile() {
    const { pools, slots, drivers, host, version } = this.#options;
    return {
      pools,
      slots,
      types: this.types,
      drivers: drivers.map(({ name }) => name),
      host,
      version,
      incarnation: this.incarnation,
    };
  }

  async #join(): Promise<void> {
    const { link, org, pools, log } = this.#options;
    await this.#subscribe(() => link.onControl(org, this.workerId, (message) => this.#controlled(message)));
    await this.#registration.ensure();
    if (this.#state !== 'joining') return;
    this.#state = 'working';
    this.#workload.open();
    this.#every('heartbeat', heartbeatMs, () => this.#beat());
    this.#lookedMs = this.#options.clock.monotonicMs();
    this.#every('silence', silenceLookMs, () => this.#lookForSilence());
    this.#beat();
    log.info(
      { workerId: this.workerId, incarnation: this.incarnation, pools, types: this.types },
      'Worker registered.',
    );
    this.#tellRegistered.resolve();
    const routes = pools.flatMap((pool) => this.types.map((type) => ({ pool, type })));
    await this.#subscribe(() =>
      link.pull(org, routes, {
        credit: () => this.#workload.credit(),
        deliver: (message) => this.#workload.deliver(message),
      }),
    );
  }

  /** Subscribes, again and again until the bus takes it. */
  async #subscribe(open: () => Promise<Subscription>): Promise<void> {
    const { clock, log } = this.#options;
    for (let waitMs = registerRetryMinMs; ; waitMs = Math.min(waitMs * 2, registerRetryMaxMs)) {
      if (this.#state === 'leaving' || this.#state === 'left') return;
      try {
        this.#subscriptions.push(await open());
        return;
      } catch (error) {
        if (error instanceof AstraError && error.kind === 'rejected') throw error;
        log.debug({ error: String(error) }, 'Not subscribed yet; trying again.');
      }
      await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    }
  }

  #registerAgain(): void {
    this.#registration
      .ensure()
      .catch((error: unknown) => this.#options.log.error({ error: String(error) }, 'The kernel refuses this worker.'));
  }

  // — Liveness —

  #beat(): void {
    const { link, org, slots, pools } = this.#options;
    link.heartbeat(org, this.workerId, {
      incarnation: this.incarnation,
      slots,
      free: this.#workload.free(),
      pools,
      types: this.types,
      running: this.#workload.running(),
    });
  }

  #controlled(message: Json): void {
    const control = parseControl(message);
    const now = this.#options.clock.monotonicMs();
    this.#heardAnyMs = now;
    for (const shard of control.shards) this.#heard.set(shard, now);
    for (const { taskId, attempt, reason } of control.stop) this.#workload.stop(taskId, attempt, reason);
    for (const { taskId, name, payload } of control.signals) this.#workload.signal(taskId, name, payload);
    if (control.drain && this.#state === 'working') {
      this.#options.log.info({ workerId: this.workerId }, 'Asked to drain.');
      this.#takeNoMore();
      this.#beat();
      void this.#finish('drained');
    }
  }

  #lookForSilence(): void {
    const now = this.#options.clock.monotonicMs();
    const late = now - this.#lookedMs > silenceLookMs + lookLateMs;
    this.#lookedMs = now;
    if (!late) this.#workload.stopSilent(now, (shard) => this.#heard.get(shard) ?? 0);
  }

  #every(name: string, delayMs: number, callback: () => void): void {
    const again = () =>
      this.#cancels.set(
        name,
        this.#options.clock.after(delayMs, () => {
          again();
          callback();
        }),
      );
    again();
  }

  // — Leaving —

  async drain(reason = 'drained'): Promise<void> {
    if (this.#state === 'joining' || this.#state === 'left') return this.stop({ graceMs: 0, reason });
    if (this.#state === 'working') {
      this.#takeNoMore();
      await this.#registration.tell('drain', { reason });
      this.#beat();
    }
    return this.#finish(reason);
  }

  #takeNoMore(): void {
    this.#state = 'draining';
    this.#workload.close();
  }

  async #finish(reason: string): Promise<void> {
    await this.#workload.empty();
    this.#hasDrained = true;
    return this.stop({ graceMs: 0, reason });
  }

  get hasDrained(): boolean {
    return this.#hasDrained;
  }

  stop(options: { readonly graceMs?: number; readonly reason?: string } = {}): Promise<void> {
    this.#leaving ??= this.#leave(options.graceMs ?? stopGraceMs, options.reason ?? 'stopped');
    return this.#leaving;
  }

  async #leave(graceMs: number, reason: string): Promise<void> {
    const { clock, drivers, log } = this.#options;
    const known = this.#state !== 'joining';
    this.#workload.close();
    if (this.#workload.size > 0 && graceMs > 0) {
      this.#beat();
      await this.#within(this.#workload.empty(), graceMs);
    }
    this.#state = 'leaving';
    this.#workload.stopAll('worker_stopping');
    await this.#within(
      this.#workload.empty().then(() => this.#outbox.idle()),
      lastReportsMs,
    );
    this.#registration.close();
    if (known && this.#options.link.connected)
      await this.#registration.tell('stop', { incarnation: this.incarnation, reason });
    this.#state = 'left';
    for (const cancel of this.#cancels.values()) cancel();
    if (this.#outbox.pending > 0)
      log.warn({ unanswered: this.#outbox.pending }, 'The worker leaves without an answer to its last reports.');
    this.#outbox.close();
    await Promise.allSettled(this.#subscriptions.map((subscription) => subscription.stop()));
    await Promise.allSettled(drivers.map((driver) => driver.close()));
    log.info({ workerId: this.workerId, at: clock.now() }, 'Worker left.');
    this.#tellRegistered.reject(new AstraError('cancelled', 'worker_left', 'The worker left.'));
    this.#tellLeft();
  }

  #within(promise: Promise<void>, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(timeoutMs, resolve);
      void promise.then(() => {
        cancel();
        resolve();
      });
    });
  }
}
