import { positionOf, type Shard, seq, shard } from '../../kernel/brand.ts';
import type { Subscription } from '../../kernel/bus.ts';
import type { PullOptions, WorkerCommand, WorkerLink, WorkMessage } from '../../kernel/edge.ts';
import type { Json, Reply } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';

/** A batch as it reached the other side. */
export interface SentBatch {
  readonly shard: Shard;
  readonly entries: readonly WorkerCommand[];
}

/**
 * The far side of a WorkerLink for tests: answers every command with ok unless the test says otherwise, keeps what it
 * was sent, and can be away.
 */
export class ScriptedKernel implements WorkerLink {
  connected = true;
  /** Answers one command; undefined: ok. */
  answer: (command: WorkerCommand, shard: Shard) => Reply | undefined = () => undefined;
  /** Thrown instead of an answer, for a whole batch. */
  failing: (batch: SentBatch) => AstraError | undefined = () => undefined;
  /** What `sendBatch` waits for before it answers. */
  hold: Promise<void> = Promise.resolve();
  registering: () => Reply | AstraError = () => ok('wk_x');
  readonly batches: SentBatch[] = [];
  readonly asked: WorkerCommand[] = [];
  readonly workerCommands: { verb: string; id: string; body: Json }[] = [];
  readonly heartbeats: Json[] = [];
  readonly output: { taskId: string; payload: Json }[] = [];
  acked = 0;
  pulled: PullOptions | undefined;
  routes: readonly { pool: string; type: string }[] = [];
  readonly #connection: ((state: 'lost' | 'back') => void)[] = [];
  #control: ((message: Json) => void) | undefined;

  /** Every command that arrived, as `command taskId`. */
  get commands(): readonly string[] {
    return this.batches.flatMap(({ entries }) => entries.map(({ command, to }) => `${command} ${to}`));
  }

  bodies(command: string): readonly Readonly<Record<string, Json | undefined>>[] {
    return this.batches
      .flatMap(({ entries }) => entries)
      .filter((entry) => entry.command === command)
      .map(({ body }) => body as Readonly<Record<string, Json | undefined>>);
  }

  /** Sends attempts as one message of WORK. */
  offer(...items: readonly (Partial<Record<string, Json>> & { taskId: string })[]): void {
    const payload = items.map((item) => ({
      shard: 1,
      attempt: 1,
      offer: 1,
      type: 'noop',
      input: null,
      timeoutMs: 60_000,
      limits: {},
      agentId: 'ag_x',
      profileVersion: 1,
      idempotencyKey: `${item.taskId}:1`,
      ...item,
    }));
    this.deliver(Buffer.from(JSON.stringify(payload)));
  }

  deliver(payload: Uint8Array): void {
    const message: WorkMessage = { payload, redelivered: false, ack: () => void this.acked++ };
    if (!this.pulled) throw new Error('the worker does not pull');
    this.pulled.deliver(message);
  }

  control(message: Json): void {
    this.#control?.(message);
  }

  connection(state: 'lost' | 'back'): void {
    this.connected = state === 'back';
    for (const listener of this.#connection) listener(state);
  }

  onConnection(listener: (state: 'lost' | 'back') => void): void {
    this.#connection.push(listener);
  }

  async pull(
    _org: string,
    routes: readonly { pool: string; type: string }[],
    options: PullOptions,
  ): Promise<Subscription> {
    this.routes = routes;
    this.pulled = options;
    return subscription;
  }

  async sendBatch(of: Shard, _org: string, entries: readonly WorkerCommand[]): Promise<readonly Reply[]> {
    const batch = { shard: of, entries };
    const error = this.failing(batch);
    this.batches.push(batch);
    await this.hold;
    if (error) throw error;
    return entries.map((entry) => this.answer(entry, of) ?? ok(entry.to));
  }

  async ask(of: Shard, _org: string, entry: WorkerCommand): Promise<Reply> {
    this.asked.push(entry);
    return this.answer(entry, of) ?? ok(entry.to);
  }

  async sendWorker(_org: string, _worker: string, verb: string, id: string, body: Json): Promise<Reply> {
    this.workerCommands.push({ verb, id, body });
    const answer = verb === 'register' ? this.registering() : ok('wk_x');
    if (answer instanceof AstraError) throw answer;
    return answer;
  }

  heartbeat(_org: string, _worker: string, payload: Json): void {
    this.heartbeats.push(payload);
  }

  async onControl(_org: string, _worker: string, listener: (message: Json) => void): Promise<Subscription> {
    this.#control = listener;
    return subscription;
  }

  sendOutput(_org: string, taskId: string, payload: Json): void {
    this.output.push({ taskId, payload });
  }

  async close(): Promise<void> {}
}

const subscription: Subscription = { stop: async () => undefined };

const ok = (id: string): Reply => ({ ok: true, position: positionOf(shard(1), seq(1)), id });

export const refused = (code: string, kind: 'fenced' | 'rejected' | 'conflict' | 'unavailable' = 'fenced'): Reply => ({
  ok: false,
  problem: { code, kind, detail: `refused: ${code}` },
});

export const silentLog = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {}
