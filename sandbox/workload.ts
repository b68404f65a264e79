import type { WorkMessage } from '../kernel/edge.ts';
import type { Json, Reply } from '../kernel/envelope.ts';
import { type Attempt, Delivery } from './attempt.ts';
import { claimGiveUpMs, commandBytes, shardSilenceMs, surplusHoldMs } from './bounds.ts';
import { type Ending, Execution } from './execution.ts';
import type { Handler } from './handler.ts';
import { unenforceable } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { Questions } from './questions.ts';
import { attemptKey, parseWork, type WorkItem } from './work-message.ts';
import type { WorkerOptions } from './worker-options.ts';

export interface WorkloadParts
  extends Pick<WorkerOptions, 'link' | 'org' | 'workerId' | 'slots' | 'artifacts' | 'clock' | 'log'> {
  readonly incarnation: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly outbox: Outbox;
  readonly questions: Questions;
  /** A task says that it does not know this worker. */
  readonly onUnknown: () => void;
}

/** The attempts that a worker has at hand: takes them, claims what it can start, runs what is permitted, and reports. */
export class Workload {
  readonly #parts: WorkloadParts;
  readonly #types: readonly string[];
  /** Everything at hand, by {@link attemptKey}. */
  readonly #attempts = new Map<string, Attempt>();
  /** Attempts beyond the free slots, oldest first. */
  readonly #surplus: Attempt[] = [];
  readonly #counts = { claimed: 0, declined: 0, refused: 0, completed: 0, failed: 0, stopped: 0, fenced: 0 };
  #cancelSurplus: (() => void) | undefined;
  #open = false;
  #occupied = 0;
  #command = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(parts: WorkloadParts) {
    this.#parts = parts;
    this.#types = [...parts.handlers.keys()];
  }

  /** From now on attempts are taken. */
  open(): void {
    this.#open = true;
  }

  /** No more are taken; what waits for a slot is given back. */
  close(): void {
    this.#open = false;
    this.#cancelSurplus?.();
    for (const attempt of this.#surplus.splice(0)) this.#decline(attempt, 'worker_draining');
  }

  counts() {
    return { running: this.#occupied, waiting: this.#surplus.length, ...this.#counts };
  }

  get size(): number {
    return this.#attempts.size;
  }

  /** How many attempts fit now. */
  credit(): number {
    return this.#open ? Math.max(0, this.#free() - this.#surplus.length) : 0;
  }

  /** Slots that a heartbeat may offer. */
  free(): number {
    return this.#open ? Math.max(0, this.#free()) : 0;
  }

  /** What a heartbeat names: from the claim to the answer to the report. */
  running(): readonly Json[] {
    const running: Json[] = [];
    for (const { phase, item } of this.#attempts.values())
      if (phase !== 'waiting') running.push({ taskId: item.taskId, attempt: item.attempt });
    return running;
  }

  /** Resolves when nothing is at hand. */
  empty(): Promise<void> {
    if (this.#attempts.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  // — Taking —

  #free(): number {
    return this.#parts.slots - this.#occupied;
  }

  /** A message of WORK. */
  deliver(message: WorkMessage): void {
    let items: readonly WorkItem[];
    try {
      items = parseWork(message.payload);
    } catch (error) {
      // Kept, it would come again and again; the kernel offers what it still wants done on a timer.
      this.#parts.log.error({ error: String(error) }, 'A message of WORK is not understood; it is dropped.');
      message.ack();
      return;
    }
    const delivery = new Delivery(message, items.length);
    for (const item of items) this.#admit(item, delivery);
  }

  #admit(item: WorkItem, delivery: Delivery): void {
    const key = attemptKey(item.taskId, item.attempt);
    // Another copy of an offer that is at hand.
    if (this.#attempts.has(key)) {
      delivery.answered();
      return;
    }
    const handler = this.#parts.handlers.get(item.type);
    if (!handler) {
      this.#refuse(item, delivery, 'type_unknown', `This worker does not run tasks of type ${item.type}.`);
      return;
    }
    const missing = unenforceable(item.limits, handler.enforces);
    if (missing.length > 0) {
      this.#refuse(
        item,
        delivery,
        'limit_unenforceable',
        `${handler.driver ? `Driver ${handler.driver.name}` : `Type ${item.type}`} cannot enforce ${missing.join(', ')} here.`,
      );
      return;
    }
    const attempt: Attempt = {
      key,
      item,
      handler,
      delivery,
      phase: 'waiting',
      sinceMs: this.#parts.clock.monotonicMs(),
      claim: undefined,
      execution: undefined,
      stopped: undefined,
    };
    if (!this.#open) {
      this.#decline(attempt, 'worker_draining');
      return;
    }
    this.#attempts.set(key, attempt);
    if (this.#free() > 0) {
      this.#claim(attempt);
      return;
    }
    this.#surplus.push(attempt);
    this.#holdSurplus();
  }

  #refuse(item: WorkItem, delivery: Delivery, code: string, reason: string): void {
    this.#counts.refused++;
    this.#post(item, 'refuse', { code, reason, types: this.#types }, commandBytes + reason.length, () =>
      delivery.answered(),
    );
  }

  /** Gives back an attempt that was not claimed. */
  #decline(attempt: Attempt, reason: string): void {
    this.#counts.declined++;
    attempt.phase = 'gone';
    this.#attempts.delete(attempt.key);
    this.#post(attempt.item, 'decline', { reason }, commandBytes, () => attempt.delivery.answered());
  }

  /** A slot may be free in a moment, which costs less than offering again; what waited longer is declined. */
  #holdSurplus(): void {
    const oldest = this.#surplus[0];
    if (!oldest || this.#cancelSurplus) return;
    const { clock } = this.#parts;
    this.#cancelSurplus = clock.after(Math.max(1, oldest.sinceMs + surplusHoldMs - clock.monotonicMs()), () => {
      this.#cancelSurplus = undefined;
      const before = clock.monotonicMs() - surplusHoldMs;
      while (this.#surplus[0] && this.#surplus[0].sinceMs <= before)
        this.#decline(this.#surplus.shift() as Attempt, 'no_slot');
      this.#holdSurplus();
    });
  }

  #fill(): void {
    while (this.#surplus.length > 0 && this.#free() > 0) this.#claim(this.#surplus.shift() as Attempt);
  }

  #claim(attempt: Attempt): void {
    this.#occupied++;
    attempt.phase = 'claiming';
    attempt.sinceMs = this.#parts.clock.monotonicMs();
    attempt.claim = this.#post(attempt.item, 'claim', {}, commandBytes, (reply) => this.#claimed(attempt, reply));
  }

  /** I2: only the commit of a claim permits its start. */
  #claimed(attempt: Attempt, reply: Reply): void {
    attempt.delivery.answered();
    if (attempt.phase === 'gone') {
      // Given up while its answer was on the way.
      if (reply.ok) this.#post(attempt.item, 'decline', { reason: 'claim_given_up' }, commandBytes, () => undefined);
      return;
    }
    if (!reply.ok) {
      this.#counts.fenced++;
      if (reply.problem.code.startsWith('worker_')) this.#parts.onUnknown();
      this.#release(attempt);
      this.#forget(attempt);
      this.#fill();
      return;
    }
    this.#counts.claimed++;
    attempt.sinceMs = this.#parts.clock.monotonicMs();
    attempt.phase = 'running';
    if (attempt.stopped) {
      this.#ended(attempt, { kind: 'stopped', reason: attempt.stopped.reason });
      return;
    }
    const { org, clock, artifacts, link } = this.#parts;
    attempt.execution = new Execution(attempt.item, attempt.handler, {
      org,
      clock,
      artifacts,
      sendOutput: (taskId, payload) => link.sendOutput(org, taskId, payload),
      questions: this.#parts.questions,
      onProgress: (fraction, note) => this.#progressed(attempt, fraction, note),
      onEnd: (ending) => this.#ended(attempt, ending),
    });
    attempt.execution.start();
  }

  // — Reporting —

  #progressed({ item }: Attempt, fraction: number | undefined, note: string | undefined): void {
    const body = { ...(fraction === undefined ? {} : { fraction }), ...(note === undefined ? {} : { note }) };
    this.#post(item, 'progress', body, commandBytes + (note?.length ?? 0), () => undefined);
  }

  #ended(attempt: Attempt, ending: Ending): void {
    this.#release(attempt);
    attempt.phase = 'reporting';
    attempt.execution = undefined;
    if (ending.kind === 'completed') this.#complete(attempt, ending);
    else if (ending.kind === 'failed') {
      this.#counts.failed++;
      const artifacts = ending.artifacts.length > 0 ? { artifacts: ending.artifacts } : {};
      this.#report(attempt, 'fail', { error: ending.error, ...artifacts }, 8192 + 256 * ending.artifacts.length);
    } else {
      this.#counts.stopped++;
      // What the kernel ended needs no report; what this worker let go is given back, and so tried again at once.
      if (attempt.stopped?.giveBack) this.#report(attempt, 'decline', { reason: ending.reason }, commandBytes);
      else this.#forget(attempt);
    }
    this.#fill();
  }

  #complete(attempt: Attempt, ending: Extract<Ending, { kind: 'completed' }>): void {
    this.#counts.completed++;
    const { result, artifacts, mail } = ending;
    const body = {
      ...(result === undefined ? {} : { result }),
      ...(artifacts.length > 0 ? { artifacts } : {}),
      ...(mail && mail.messages.length > 0 ? { messages: mail.messages } : {}),
      ...(mail && mail.spawned.length > 0 ? { spawned: mail.spawned } : {}),
    };
    const bytes = commandBytes + ending.resultBytes + 256 * artifacts.length + (mail?.bytes ?? 0);
    this.#report(attempt, 'complete', body, bytes);
  }

  #report(attempt: Attempt, verb: 'complete' | 'fail' | 'decline', body: object, bytes: number): void {
    this.#post(attempt.item, verb, body, bytes, (reply) => {
      if (reply.ok) {
        this.#forget(attempt);
        return;
      }
      const { code, kind, detail } = reply.problem;
      if (verb === 'complete' && kind === 'rejected' && code !== 'not_found') {
        // Its result cannot be taken: it ends all the same, and says why.
        const error = { code, message: detail, retryable: false };
        this.#report(attempt, 'fail', { error }, commandBytes + detail.length);
        return;
      }
      this.#counts.fenced++;
      this.#forget(attempt);
    });
  }

  #post(
    { shard, taskId, attempt }: WorkItem,
    command: 'claim' | 'decline' | 'refuse' | 'progress' | 'complete' | 'fail',
    body: object,
    bytes: number,
    settled: (reply: Reply) => void,
  ) {
    const id = `${taskId}:${attempt}:${command}:${++this.#command}`;
    const full = { attempt, worker: this.#parts.workerId, incarnation: this.#parts.incarnation, ...body } as Json;
    return this.#parts.outbox.post(shard, { to: taskId, command, id, body: full }, bytes, settled);
  }

  #release(attempt: Attempt): void {
    if (attempt.phase === 'claiming' || attempt.phase === 'running') this.#occupied--;
  }

  #forget(attempt: Attempt): void {
    attempt.phase = 'gone';
    this.#attempts.delete(attempt.key);
    if (this.#attempts.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  // — Stopping —

  /** The kernel says that an attempt has ended. */
  stop(taskId: string, attempt: number, reason: string): void {
    const found = this.#attempts.get(attemptKey(taskId, attempt));
    if (found) this.#stop(found, reason, false);
  }

  /** Stops everything, and gives it back. */
  stopAll(reason: string): void {
    for (const attempt of [...this.#attempts.values()]) this.#stop(attempt, reason, true);
  }

  /** Stops what this worker can no longer own: `heardMs` tells when a shard's kernel was heard last. */
  stopSilent(now: number, heardMs: (shard: number) => number): void {
    for (const attempt of [...this.#attempts.values()]) {
      if (attempt.phase === 'running') {
        const silentMs = now - Math.max(heardMs(attempt.item.shard), attempt.sinceMs);
        if (silentMs > shardSilenceMs) this.#stop(attempt, 'shard_silent', true);
      } else if (attempt.phase === 'claiming' && now - attempt.sinceMs > claimGiveUpMs) {
        if (attempt.claim) attempt.claim.withdrawn = true;
        this.#release(attempt);
        this.#forget(attempt);
        this.#fill();
      }
    }
  }

  signal(taskId: string, name: string, payload: Json | undefined): void {
    for (const { item, execution } of this.#attempts.values())
      if (item.taskId === taskId) execution?.deliverSignal(name, payload);
  }

  #stop(attempt: Attempt, reason: string, giveBack: boolean): void {
    if (attempt.stopped || attempt.phase === 'gone' || attempt.phase === 'reporting') return;
    if (attempt.phase === 'waiting') {
      this.#surplus.splice(this.#surplus.indexOf(attempt), 1);
      attempt.delivery.answered();
      this.#forget(attempt);
      return;
    }
    // A claim that is answered all the same is given back, whoever stopped it: the task takes it or fences it.
    attempt.stopped = { reason, giveBack: giveBack || attempt.phase === 'claiming' };
    attempt.execution?.stop(reason);
  }
}
