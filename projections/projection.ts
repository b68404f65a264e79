import type { Shard } from '../kernel/brand.ts';
import type { EventOutline } from '../kernel/event.ts';

/**
 * A projection: a read model in memory, a fold over the logs (docs/architecture.md, "Read models"). No I/O, no clock, no chance:
 * the same logs give the same state, whatever way and order the shards arrived in.
 */
export interface Projection<S> {
  readonly name: string;
  /** Version of the state's shape. */
  readonly version: number;
  initial(): S;
  /** Folds one event. Owns the state and changes it in place. `bytes` is the size of the stored body. */
  apply(state: S, event: EventOutline, bytes: number): void;
  /** Replaces everything of `shard` in `state` by what `rebuilt`, a fold of that shard alone, holds. */
  adopt(state: S, rebuilt: S, shard: Shard): void;
  /** What its lists can be filtered by, each an index. */
  readonly indexes: readonly string[];
}

/** A projection with its state, whatever the state's type is. */
export interface Running {
  readonly name: string;
  apply(event: EventOutline, bytes: number): void;
  /** The same projection with an empty state: what a shard is rebuilt in. */
  beside(): Running;
  /** Takes over a shard that was folded beside. */
  adopt(rebuilt: Running, shard: Shard): void;
}

export class RunningProjection<S> implements Running {
  readonly #projection: Projection<S>;
  readonly state: S;

  constructor(projection: Projection<S>) {
    this.#projection = projection;
    this.state = projection.initial();
  }

  get name(): string {
    return this.#projection.name;
  }

  apply(event: EventOutline, bytes: number): void {
    this.#projection.apply(this.state, event, bytes);
  }

  beside(): RunningProjection<S> {
    return new RunningProjection(this.#projection);
  }

  adopt(rebuilt: Running, shard: Shard): void {
    if (!(rebuilt instanceof RunningProjection)) throw new Error(`${this.name} cannot take over another kind of state`);
    this.#projection.adopt(this.state, rebuilt.state as S, shard);
  }
}
