import type { Shard } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { WorkerCommand, WorkerLink } from '../kernel/edge.ts';
import type { Reply } from '../kernel/envelope.ts';
import { AstraError, type ErrorKind } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { batchBytesMax, batchEntriesMax, batchRetryMaxMs, batchRetryMinMs, batchTimeoutMs } from './bounds.ts';
import type { WorkerLog } from './worker-log.ts';

/**
 * What the worker has to say to tasks, by shard.
 *
 * Each shard has one message on its way at a time. What is posted while nothing is on its way leaves at the end of this
 * turn of the loop; what is posted meanwhile leaves together when the answer came. So batches grow with load, and no
 * timer delays anything.
 *
 * A command is repeated, with the same id, until it is answered: a batch of unknown outcome, or one that could not be
 * sent, keeps its place and goes again. The task decides what was meant once (I3), and fences what came too late.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #lanes = new Map<Shard, Lane>();
  readonly #leaving: Lane[] = [];
  #pending = 0;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Commands that are not answered yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Puts a command of about `bytes` bytes behind the others of its shard; `settled` gets its answer. */
  post(shard: Shard, command: WorkerCommand, bytes: number, settled: (reply: Reply) => void): Posted {
    let lane = this.#lanes.get(shard);
    if (!lane) {
      lane = { shard, waiting: [], state: 'free', retryMs: 0, entriesMax: batchEntriesMax, cancelRetry: undefined };
      this.#lanes.set(shard, lane);
    }
    const entry: Entry = { command, bytes, settled, withdrawn: false };
    this.#pending++;
    lane.waiting.push(entry);
    if (lane.state === 'free') this.#leave(lane);
    return entry;
  }

  /** The connection is back: what waits for its next try goes now. */
  retryNow(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.state !== 'resting') continue;
      lane.cancelRetry?.();
      lane.retryMs = 0;
      this.#leave(lane);
    }
  }

  /** Resolves when everything is answered. */
  idle(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Forgets what is not answered: nothing is sent or settled any more. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) lane.cancelRetry?.();
    this.#lanes.clear();
    this.#pending = 0;
    this.#wake();
  }

  /** At the end of this turn of the loop, all lanes together: what they send then leaves in one write. */
  #leave(lane: Lane): void {
    lane.state = 'leaving';
    if (this.#leaving.push(lane) > 1) return;
    setImmediate(() => {
      for (const one of this.#leaving.splice(0)) this.#flush(one);
    });
  }

  #flush(lane: Lane): void {
    if (this.#closed) return;
    const batch: Entry[] = [];
    let bytes = 0;
    let taken = 0;
    for (const entry of lane.waiting) {
      if (!entry.withdrawn) {
        if (batch.length > 0 && (batch.length >= lane.entriesMax || bytes + entry.bytes > batchBytesMax)) break;
        batch.push(entry);
        bytes += entry.bytes;
      } else this.#pending--;
      taken++;
    }
    lane.waiting = taken === lane.waiting.length ? [] : lane.waiting.slice(taken);
    if (batch.length === 0) {
      lane.state = 'free';
      if (this.#pending === 0) this.#wake();
      return;
    }
    lane.state = 'sent';
    const { link, org } = this.#parts;
    link
      .sendBatch(
        lane.shard,
        org,
        batch.map(({ command }) => command),
        batchTimeoutMs,
      )
      .then(
        (replies) => this.#answered(lane, batch, replies),
        (error: unknown) => this.#failed(lane, batch, error),
      );
  }

  #answered(lane: Lane, batch: readonly Entry[], replies: readonly Reply[]): void {
    if (this.#closed) return;
    lane.entriesMax = batchEntriesMax;
    const again: Entry[] = [];
    for (let i = 0; i < batch.length; i++) {
      const entry = batch[i] as Entry;
      const reply = replies[i];
      if (!reply || (!reply.ok && passing.has(reply.problem.kind))) again.push(entry);
      else this.#settle(entry, reply);
    }
    if (again.length > 0) {
      this.#rest(lane, again);
      return;
    }
    lane.retryMs = 0;
    lane.state = 'free';
    if (lane.waiting.length > 0) this.#flush(lane);
    else if (this.#pending === 0) this.#wake();
  }

  #failed(lane: Lane, batch: readonly Entry[], error: unknown): void {
    if (this.#closed) return;
    const known = error instanceof AstraError ? error : undefined;
    if (known && !passing.has(known.kind)) {
      // Refused as a message, such as one too large: in halves, down to the entry that it is about.
      if (batch.length === 1) {
        this.#settle(batch[0] as Entry, { ok: false, problem: known.toProblem() });
        lane.state = 'free';
        if (lane.waiting.length > 0) this.#flush(lane);
        else if (this.#pending === 0) this.#wake();
        return;
      }
      lane.entriesMax = Math.ceil(batch.length / 2);
      lane.waiting = [...batch, ...lane.waiting];
      this.#leave(lane);
      return;
    }
    this.#parts.log.debug(
      { shard: lane.shard, entries: batch.length, code: known?.code, error: known ? undefined : String(error) },
      'A batch has no answer; it is sent again.',
    );
    this.#rest(lane, batch);
  }

  #rest(lane: Lane, entries: readonly Entry[]): void {
    lane.waiting = [...entries, ...lane.waiting];
    lane.retryMs = Math.min(Math.max(lane.retryMs * 2, batchRetryMinMs), batchRetryMaxMs);
    lane.state = 'resting';
    const delayMs = lane.retryMs * (0.5 + this.#parts.random.number() / 2);
    lane.cancelRetry = this.#parts.clock.after(delayMs, () => {
      lane.state = 'leaving';
      this.#flush(lane);
    });
  }

  #settle(entry: Entry, reply: Reply): void {
    this.#pending--;
    entry.settled(reply);
  }

  #wake(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** A posted command; set `withdrawn` when its answer no longer matters: it is not sent (again). */
export interface Posted {
  withdrawn: boolean;
}

export interface OutboxParts {
  readonly link: Pick<WorkerLink, 'sendBatch'>;
  readonly org: string;
  readonly clock: Pick<Clock, 'after'>;
  readonly random: Random;
  readonly log: WorkerLog;
}

interface Entry extends Posted {
  readonly command: WorkerCommand;
  readonly bytes: number;
  readonly settled: (reply: Reply) => void;
}

interface Lane {
  readonly shard: Shard;
  waiting: Entry[];
  /** `leaving`: sent at the end of this turn. `resting`: waits for its next try. */
  state: 'free' | 'leaving' | 'sent' | 'resting';
  retryMs: number;
  entriesMax: number;
  cancelRetry: (() => void) | undefined;
}

const passing: ReadonlySet<ErrorKind> = new Set(['unavailable', 'overloaded', 'indeterminate']);
