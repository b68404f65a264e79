import type { Seq, Shard } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { type EventShapes, outlineEvent } from '../kernel/codec.ts';
import type { EventOutline, StoredEvent } from '../kernel/event.ts';
import { sliceMs } from './bounds.ts';
import type { KeyRing, Keys } from './key-ring.ts';
import type { Running } from './projection.ts';
import { type EventSource, type PendingBudget, ShardTail } from './shard-tail.ts';

export interface FoldParts {
  readonly clock: Clock;
  readonly shapes: EventShapes;
  readonly keys: KeyRing;
  readonly budget: PendingBudget;
  /** A commit was applied. */
  readonly onApplied: (fold: ShardFold, events: number) => void;
  /** Something waits for events that are not here. */
  readonly onGap: (fold: ShardFold) => void;
  /** What follows belongs to another history: what was applied, or (from LOG) what arrived, is not the log's. */
  readonly onUnlinked: (fold: ShardFold, source: EventSource) => void;
  /** An event could not be opened or folded: it is left out. */
  readonly onRefused: (event: StoredEvent, cause: unknown) => void;
  /** Keys could not be fetched; resolves when it is time to try again, false to give up. */
  readonly onKeysFailed: (cause: unknown) => Promise<boolean>;
}

/** A commit that is being opened: readers see nothing of it before all of it is. */
interface Opening {
  readonly events: readonly StoredEvent[];
  readonly records: (EventOutline | undefined)[];
  readonly keys: Keys;
  at: number;
}

/** How many events are opened between two looks at the clock. */
const lookEvery = 32;

/**
 * Folds one shard's commits into the projections, whole (readers never see half a commit) and in slices of a few
 * milliseconds: opening events is most of the work and can pause; what changes the read models is done in one go.
 */
export class ShardFold {
  readonly #parts: FoldParts;
  readonly #tail: ShardTail;
  #projections: readonly Running[];
  #opening: Opening | undefined;
  #paused = false;
  #stopped = false;
  #forked = false;
  #drained: (() => void)[] = [];

  constructor(shard: Shard, genesis: Buffer, projections: readonly Running[], parts: FoldParts) {
    this.#parts = parts;
    this.#projections = projections;
    this.#tail = new ShardTail(shard, genesis, parts.budget);
  }

  get shard(): Shard {
    return this.#tail.shard;
  }

  get applied(): Seq {
    return this.#tail.applied;
  }

  get hash(): Buffer {
    return this.#tail.hash;
  }

  get hasGap(): boolean {
    return this.#tail.hasPending && this.#opening === undefined && !this.#paused;
  }

  /** Postgres itself goes on with another history than what was applied: nothing more can follow. */
  get isForked(): boolean {
    return this.#forked;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get projections(): readonly Running[] {
    return this.#projections;
  }

  offer(events: readonly StoredEvent[], source: EventSource): void {
    if (this.#stopped) return;
    this.#tail.offer(events, source);
    this.#pump();
  }

  /** Resolves when everything that can be applied is. */
  drained(): Promise<void> {
    if (!this.#paused) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** From here on it folds into these: what was folded beside has been taken over by them. */
  foldInto(projections: readonly Running[]): void {
    this.#projections = projections;
  }

  stop(): void {
    this.#stopped = true;
    this.#tail.clear();
    this.#opening = undefined;
    this.#release();
  }

  #release(): void {
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }

  #later(): void {
    this.#paused = true;
    setImmediate(() => this.#resume());
  }

  #resume(): void {
    this.#paused = false;
    this.#pump();
    if (!this.#paused) this.#release();
  }

  #pump(): void {
    if (this.#paused || this.#stopped) return;
    const { clock } = this.#parts;
    const until = clock.monotonicMs() + sliceMs;
    for (;;) {
      const opening = this.#opening ?? this.#open();
      if (!opening) return;
      if (!this.#read(opening, until)) break;
      this.#apply(opening);
      if (this.#stopped) return;
      if (clock.monotonicMs() > until) break;
    }
    this.#later();
  }

  #open(): Opening | undefined {
    const next = this.#tail.next();
    if (next.kind === 'none') {
      if (this.#tail.hasPending) this.#parts.onGap(this);
      return undefined;
    }
    if (next.kind === 'unlinked') {
      this.#forked ||= next.source === 'store';
      this.#parts.onUnlinked(this, next.source);
      return undefined;
    }
    const { events } = next;
    const keys = this.#parts.keys.keysFor(events);
    if (keys instanceof Promise) {
      this.#paused = true;
      keys.then(
        (found) => {
          this.#opening = { events, records: [], keys: found, at: 0 };
          this.#resume();
        },
        async (cause: unknown) => {
          if (await this.#parts.onKeysFailed(cause)) this.#resume();
          else this.stop();
        },
      );
      return undefined;
    }
    this.#opening = { events, records: [], keys, at: 0 };
    return this.#opening;
  }

  /** Opens the events of a commit; false when the slice is over before the end. */
  #read(opening: Opening, until: number): boolean {
    const { shapes, clock, onRefused } = this.#parts;
    const { events, records, keys } = opening;
    const key = (kid: string) => keys.get(kid);
    while (opening.at < events.length) {
      const stored = events[opening.at] as StoredEvent;
      try {
        records.push(outlineEvent(stored, shapes, key));
      } catch (cause) {
        records.push(undefined);
        onRefused(stored, cause);
      }
      if (++opening.at % lookEvery === 0 && clock.monotonicMs() > until) return opening.at === events.length;
    }
    return true;
  }

  #apply({ events, records }: Opening): void {
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (!record) continue;
      const stored = events[i] as StoredEvent;
      for (const projection of this.#projections)
        try {
          projection.apply(record, stored.body.length);
        } catch (cause) {
          this.#parts.onRefused(stored, cause);
        }
    }
    this.#opening = undefined;
    this.#tail.advance(events);
    this.#parts.onApplied(this, events.length);
  }
}
