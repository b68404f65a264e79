import type { Shard } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { retryMaxMs, retryMinMs, shardReadsMax } from './bounds.ts';

/** `repair` reads what is missing; `rebuild` folds the shard again beside what is served. */
export type ShardJob = 'repair' | 'rebuild';

export interface ShardJobsParts {
  readonly clock: Clock;
  readonly run: (shard: Shard, job: ShardJob) => Promise<void>;
  readonly onFailed: (cause: unknown) => void;
  readonly onDone: () => void;
}

/**
 * Reads from Postgres, a few shards at once. One that fails is tried again: with growing pauses for all of them, because
 * it is the store that does not answer, not the shard.
 */
export class ShardJobs {
  readonly #parts: ShardJobsParts;
  readonly #wanted = new Map<Shard, ShardJob>();
  readonly #running = new Map<Shard, ShardJob>();
  #waitMs = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: ShardJobsParts) {
    this.#parts = parts;
  }

  want(shard: Shard, job: ShardJob): void {
    if (this.#wanted.get(shard) === 'rebuild' || this.#running.get(shard) === 'rebuild') return;
    this.#wanted.set(shard, job);
    this.#pump();
  }

  /** Whether this shard is being read or waits for it. */
  busy(shard: Shard): boolean {
    return this.#running.has(shard) || this.#wanted.has(shard);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#wanted.clear();
  }

  #pump(): void {
    if (this.#stopped || this.#cancel) return;
    for (const [shard, job] of this.#wanted) {
      if (this.#running.size >= shardReadsMax) return;
      if (this.#running.has(shard)) continue;
      this.#wanted.delete(shard);
      this.#running.set(shard, job);
      void this.#run(shard, job);
    }
  }

  async #run(shard: Shard, job: ShardJob): Promise<void> {
    try {
      await this.#parts.run(shard, job);
      this.#running.delete(shard);
      this.#waitMs = 0;
      this.#parts.onDone();
    } catch (cause) {
      this.#running.delete(shard);
      if (this.#stopped) return;
      if (!this.#wanted.has(shard) || job === 'rebuild') this.#wanted.set(shard, job);
      this.#parts.onFailed(cause);
      this.#pause();
    }
    this.#pump();
  }

  #pause(): void {
    if (this.#cancel) return;
    this.#waitMs = Math.min(retryMaxMs, Math.max(retryMinMs, this.#waitMs * 2));
    this.#cancel = this.#parts.clock.after(this.#waitMs, () => {
      this.#cancel = undefined;
      this.#pump();
    });
  }
}
