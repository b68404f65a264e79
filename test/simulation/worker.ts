import { shard as asShard } from '../../kernel/brand.ts';
import type { WorkOffer } from '../../kernel/bus.ts';
import type { Json, Reply } from '../../kernel/envelope.ts';
import { derivedId } from '../../kernel/ids.ts';
import type { Network } from './network.ts';
import { plannedByWorker } from './plans.ts';
import { ProcessClock, SimProcess } from './process.ts';
import type { Puller } from './work-stream.ts';
import type { World } from './world.ts';

const beatMs = 2000;
const answerMs = 3000;
/** The longest that an attempt is worked on. */
const longMs = 5000;

interface Attempt {
  readonly shard: number;
  readonly taskId: string;
  readonly attempt: number;
  readonly type: string;
  readonly timeoutMs: number;
  readonly input: Json;
}

/** What a worker does with an attempt that it may run. */
type Course = 'complete' | 'fail' | 'fail-for-good' | 'hang' | 'twice' | 'contradict' | 'late' | 'die';

/**
 * One life of a worker (docs/nats.md, "Working"): it claims what it is offered, runs what it may, reports until it is answered.
 * It may die, stall, answer late or twice, and forget to answer at all.
 */
export class SimWorker implements Puller {
  readonly org: string;
  readonly id: string;
  readonly incarnation: string;
  readonly process: SimProcess;
  readonly #world: World;
  readonly #network: Network;
  readonly #clock: ProcessClock;
  readonly #types: readonly string[];
  readonly #slots: number;
  readonly #running = new Map<string, Attempt>();
  #claiming = 0;
  #counter = 0;

  constructor(world: World, org: string, name: string, life: number, types: readonly string[]) {
    this.#world = world;
    this.#network = world.network;
    this.org = org;
    this.id = derivedId('wk', name);
    this.incarnation = `i${life}`;
    this.#types = types;
    this.process = new SimProcess(`${name}.${life}`, world.time, world.diceOf(`${name}.${life}`));
    this.#clock = new ProcessClock(this.process, 0, 1);
    this.#slots = 1 + this.process.dice.int(3);
    this.#network.bus.onControl((to, worker, payload) => {
      if (to === org && worker === this.id)
        this.#network.deliver(this.process, () => this.#controlled(JSON.parse(Buffer.from(payload).toString())));
    });
    this.#register();
    this.#beat();
    this.#clock.after(0, () => this.#world.work.join(this));
    this.process.onDeath(() => this.#world.work.leave(this));
  }

  credit({ org, type }: WorkOffer): number {
    if (org !== this.org || !this.#types.includes(type) || this.process.state !== 'up') return 0;
    return this.#slots - this.#running.size - this.#claiming;
  }

  take({ payload }: WorkOffer, ack: () => void): void {
    const attempts = JSON.parse(Buffer.from(payload).toString()) as readonly Attempt[];
    this.#claiming += attempts.length;
    this.#network.deliver(this.process, () => void this.#claim(attempts).then(ack));
    // Whatever became of the message, the slots are not kept for it.
    this.#clock.after(answerMs * 2, () => {
      this.#claiming = Math.max(0, this.#claiming - attempts.length);
      this.#world.work.hand();
    });
  }

  #register(): void {
    const profile = { pools: ['default'], slots: this.#slots, types: this.#types, incarnation: this.incarnation };
    const to = { org: this.org, type: 'worker', id: this.id };
    const principal = `worker:${this.id}`;
    void this.#until((replyTo) => {
      const id = `register:${this.process.name}:${++this.#counter}`;
      const envelope = { to, verb: 'register', id, body: { profile }, principal, correlationId: id, hops: 0, replyTo };
      return this.#world.command(envelope, this.process);
    });
  }

  #beat(): void {
    const running = [...this.#running.values()].map(({ taskId, attempt }) => ({ taskId, attempt }));
    const free = Math.max(0, this.#slots - running.length);
    const payload = {
      incarnation: this.incarnation,
      slots: this.#slots,
      free,
      pools: ['default'],
      types: this.#types,
      running,
    };
    this.#network.tell(this.process, () => this.#network.bus.beat(this.org, this.id, payload));
    this.#clock.after(beatMs, () => this.#beat());
  }

  #controlled({ stop = [] }: { readonly stop?: readonly { taskId: string; attempt: number }[] }): void {
    for (const { taskId, attempt } of stop) if (this.#running.get(taskId)?.attempt === attempt) this.#end(taskId);
  }

  async #claim(attempts: readonly Attempt[]): Promise<void> {
    const { dice } = this.process;
    const calm = this.#world.isCalm;
    const wanted = attempts.filter(({ taskId, attempt }) => this.#running.get(taskId)?.attempt !== attempt);
    if (wanted.length === 0) return;
    const declines = wanted.map(() => !calm && dice.chance(0.05));
    const replies = await this.#batch(wanted, (_attempt, i) => (declines[i] ? 'decline' : 'claim'));
    for (const [i, attempt] of wanted.entries()) {
      if (!replies[i]?.ok || declines[i]) continue;
      this.#running.set(attempt.taskId, attempt);
      this.#run(attempt);
    }
  }

  #run(attempt: Attempt): void {
    const { dice } = this.process;
    const chance = dice.number();
    const course: Course =
      chance < 0.12
        ? 'fail'
        : chance < 0.15
          ? 'fail-for-good'
          : this.#world.isCalm || chance < 0.83
            ? 'complete'
            : dice.pick(['hang', 'twice', 'contradict', 'contradict', 'late', 'die']);
    const isLong = dice.chance(0.1);
    const spanMs = isLong ? dice.between(1000, Math.min(attempt.timeoutMs, longMs)) : dice.between(1, 400);
    if (isLong) this.#clock.after(spanMs / 2, () => void this.#progress(attempt));
    this.#clock.after(spanMs, () => {
      if (this.#running.get(attempt.taskId) !== attempt) return;
      // Nobody waits for a kernel's own limit where it is longer than a run.
      if (course === 'hang' && attempt.timeoutMs < 10_000) return;
      // It goes on beyond its limit, and says so to whoever has given the task to another one.
      if (course === 'late' && attempt.timeoutMs < 10_000) {
        const lateMs = attempt.timeoutMs + dice.between(0, 8000);
        return void this.#clock.after(lateMs, () => void this.#report(attempt, 'complete'));
      }
      if (course === 'die') return this.#world.workerDied(this);
      void this.#report(attempt, course);
      if (course === 'twice' || course === 'contradict')
        this.#clock.after(dice.between(1, 5000), () => void this.#report(attempt, 'complete'));
    });
  }

  async #progress(attempt: Attempt): Promise<void> {
    if (this.#running.get(attempt.taskId) === attempt)
      await this.#batch([attempt], () => 'progress', { fraction: 0.5 });
  }

  async #report(attempt: Attempt, course: Course): Promise<void> {
    const fails = course === 'fail' || course === 'fail-for-good' || course === 'contradict';
    const error = {
      code: 'broken',
      message: `as drawn with ${JSON.stringify(attempt.input)}`,
      retryable: course !== 'fail-for-good',
    };
    const body = fails
      ? { error }
      : {
          result: attempt.type === 'plan' ? plannedByWorker : { of: attempt.attempt, input: attempt.input },
          ...(this.process.dice.chance(0.7) ? { messages: this.#messages(attempt) } : null),
          ...(this.process.dice.chance(0.05) ? { spawned: [{ name: `Cain ${attempt.taskId}` }] } : null),
        };
    await this.#batch([attempt], () => (fails ? 'fail' : 'complete'), body);
    if (this.#running.get(attempt.taskId) === attempt) this.#end(attempt.taskId);
  }

  /** To some agent or other, each with a payload of its own. */
  #messages({ taskId, attempt }: Attempt): readonly Json[] {
    const { dice } = this.process;
    const { agents } = this.#world.client;
    return Array.from({ length: Math.min(agents.length, 1 + dice.int(2)) }, () => {
      const payload = `${taskId}:${attempt}:${this.process.name}:${++this.#counter}`;
      return { to: dice.pick(agents), type: 'note', payload };
    });
  }

  #end(taskId: string): void {
    this.#running.delete(taskId);
    this.#world.work.hand();
  }

  /** Says the same of each of these attempts (of one shard), until it is answered. */
  #batch(
    attempts: readonly Attempt[],
    verbOf: (attempt: Attempt, index: number) => string,
    more: { readonly [key: string]: Json } = {},
  ): Promise<readonly Reply[]> {
    const of = asShard((attempts[0] as Attempt).shard);
    const entries = attempts.map((attempt, i) => ({
      to: attempt.taskId,
      command: verbOf(attempt, i),
      id: `${attempt.taskId}:${attempt.attempt}:${verbOf(attempt, i)}:${this.id}:${this.incarnation}:${++this.#counter}`,
      body: { attempt: attempt.attempt, worker: this.id, incarnation: this.incarnation, ...more },
    }));
    return this.#until((replyTo) => this.#world.batch(of, this.org, entries, replyTo, this.process)) as Promise<
      readonly Reply[]
    >;
  }

  /** Asks again until there is an answer. */
  #until(ask: (replyTo: string) => Promise<void>): Promise<Reply | readonly Reply[]> {
    const replyTo = `astra.reply.${this.process.name}.${++this.#counter}`;
    return new Promise((resolve) => {
      let isAnswered = false;
      this.#world.hear(this.process, replyTo, (reply) => {
        isAnswered = true;
        resolve(reply);
      });
      const again = (): void => {
        if (isAnswered) return;
        ask(replyTo).catch(() => {});
        this.#clock.after(answerMs, again);
      };
      again();
    });
  }
}
