import type { Shard } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { waitMaxMs, waitsMax } from './bounds.ts';

interface Wait {
  readonly seq: number;
  readonly end: (outcome: 'applied' | 'timeout') => void;
}

/** Callers that wait until a position is applied: bounded in number and in time. */
export class PositionWaits {
  readonly #clock: Clock;
  readonly #byShard = new Map<Shard, Set<Wait>>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#count;
  }

  wait(shard: Shard, seq: number, waitMs: number): Promise<'applied' | 'timeout' | 'refused'> {
    if (waitMs <= 0) return Promise.resolve('timeout');
    if (this.#count >= waitsMax) return Promise.resolve('refused');
    return new Promise((resolve) => {
      let waits = this.#byShard.get(shard);
      if (!waits) {
        waits = new Set();
        this.#byShard.set(shard, waits);
      }
      const cancel = this.#clock.after(Math.min(waitMs, waitMaxMs), () => wait.end('timeout'));
      const wait: Wait = {
        seq,
        end: (outcome) => {
          if (!waits.delete(wait)) return;
          this.#count--;
          cancel();
          resolve(outcome);
        },
      };
      waits.add(wait);
      this.#count++;
    });
  }

  /** A shard is applied up to and including `seq`. */
  applied(shard: Shard, seq: number): void {
    const waits = this.#byShard.get(shard);
    if (!waits || waits.size === 0) return;
    for (const wait of waits) if (wait.seq <= seq) wait.end('applied');
  }

  /** Ends all of them. */
  stop(): void {
    for (const waits of this.#byShard.values()) for (const wait of waits) wait.end('timeout');
  }
}
