import { setImmediate as nextTurn } from 'node:timers/promises';
import { buildPart, type Part } from './batch.ts';
import { commitBytesMax, commitEventsMax, commitRetryMaxMs, commitRetryMinMs, leaseMs } from './bounds.ts';
import type { Shard } from './brand.ts';
import type { Clock } from './clock.ts';
import { AstraError } from './errors.ts';
import type { Log, ShardRow } from './log.ts';
import type { ShardRuntime } from './shard.ts';
import type { Unit } from './unit.ts';

export interface WriterParts {
  readonly owner: string;
  readonly log: Pick<Log, 'commit' | 'reclaim'>;
  readonly clock: Clock;
  /** What a landed part releases (I1: only from here). */
  readonly release: (landed: Part) => void;
  /** A shard of ours is written by somebody else now. */
  readonly lost: (shard: ShardRuntime, reason: string) => void;
  /** Told of waits and surprises. */
  readonly onTrouble: (message: string, cause: unknown) => void;
  /** The process should end: what a commit came to is not known any more. */
  readonly onDefect: (error: unknown) => void;
}

/**
 * The group commit of a kernel process (docs/architecture.md, "The group commit"): one writer, one statement at a time, for all its
 * shards. While one batch commits the next one fills; an idle system commits at once, a busy one in large batches, and
 * no timer decides. A batch ends in one of four ways:
 *
 *   written               → released
 *   written but for some  → those shards have another owner: they stop (I2)
 *   refused (data)        → bisected down to the unit, whose input is parked
 *   outcome unknown       → settled: the shards are claimed again, then it had landed, or it is built and sent again
 */
export class Writer {
  readonly #parts: WriterParts;
  readonly #ready = new Set<ShardRuntime>();
  #running: Promise<void> | undefined;
  #stopped = false;
  #inCommit: ReadonlySet<ShardRuntime> = new Set();
  #committing: Promise<void> = Promise.resolve();

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** A shard has units. */
  poke(shard: ShardRuntime): void {
    this.#ready.add(shard);
    if (this.#running || this.#stopped) return;
    this.#running = this.#run();
  }

  /** Resolves when no commit of this shard is under way. */
  async settled(shard: ShardRuntime): Promise<void> {
    while (this.#inCommit.has(shard)) await this.#committing;
  }

  /** Commits what is ready, then ends. */
  async stop(): Promise<void> {
    while (this.#running) await this.#running;
    this.#stopped = true;
  }

  /** Ends without another commit. */
  abandon(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    // Lets everything that has arrived in this turn of the loop join.
    await nextTurn();
    try {
      while (this.#ready.size > 0 && !this.#stopped) {
        const batch = this.#collect();
        if (batch.length === 0) continue;
        this.#committing = this.#commitAll(batch);
        await this.#committing;
      }
    } catch (error) {
      this.#stopped = true;
      this.#parts.onDefect(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #commitAll(batch: readonly Part[]): Promise<void> {
    this.#inCommit = new Set(batch.map(({ shard }) => shard));
    try {
      await this.#commit(batch);
    } finally {
      this.#inCommit = new Set();
    }
  }

  #collect(): Part[] {
    const batch: Part[] = [];
    let events = commitEventsMax;
    let bytes = commitBytesMax;
    for (const shard of this.#ready) {
      if (events <= 0 || bytes <= 0) break;
      this.#ready.delete(shard);
      if (shard.stopped || !shard.hasUnits) continue;
      const units = shard.offerUnits(events, bytes);
      for (const unit of units) {
        events -= unit.events.length;
        bytes -= unit.bytes;
      }
      batch.push(buildPart(shard, units));
    }
    return batch;
  }

  async #commit(batch: readonly Part[]): Promise<void> {
    for (let wait = commitRetryMinMs; ; wait = Math.min(wait * 2, commitRetryMaxMs)) {
      const from = this.#parts.clock.monotonicMs();
      try {
        const { written, now } = await this.#parts.log.commit(batch.map(({ part }) => part));
        this.#parts.clock.anchor(now, (from + this.#parts.clock.monotonicMs()) / 2);
        for (const one of batch)
          if (written.has(one.part.shard)) this.#landed(one);
          else this.#parts.lost(one.shard, 'fenced');
        return;
      } catch (error) {
        if (!(error instanceof AstraError)) throw error;
        if (error.code === 'data_refused') return this.#bisect(batch, error);
        if (error.kind === 'indeterminate') return this.#settle(batch, error);
        if (error.kind !== 'unavailable' && error.kind !== 'overloaded') throw error;
        this.#parts.onTrouble('the event store does not take commits: they wait', error);
        await this.#pause(wait);
        if (this.#stopped) return;
      }
    }
  }

  #landed(one: Part): void {
    if (one.shard.stopped) return;
    one.shard.landed(one.units, one.part.hash);
    try {
      this.#parts.release(one);
    } catch (cause) {
      // Nothing of it has to succeed, and the next part has to be told all the same.
      this.#parts.onTrouble(`shard ${one.shard.shard}: what a commit lets out could not all be sent`, cause);
    }
    if (one.shard.hasUnits) this.#ready.add(one.shard);
  }

  /** Finds the unit whose data is refused; everything before it is written. */
  async #bisect(batch: readonly Part[], refusal: AstraError): Promise<void> {
    if (batch.length > 1) {
      for (const one of batch) if (!one.shard.stopped) await this.#commit([buildPart(one.shard, one.units)]);
      return;
    }
    const { shard, units } = batch[0] as Part;
    if (units.length === 1) {
      this.#parts.onTrouble(
        `shard ${shard.shard}: the event store refuses the data of one command: it is parked`,
        refusal,
      );
      shard.refused(units[0] as Unit, refusal.toProblem());
      return;
    }
    const half = units.length >> 1;
    await this.#commit([buildPart(shard, units.slice(0, half))]);
    const rest = units.slice(half);
    if (!shard.stopped && shard.holds(rest[0] as Unit)) await this.#commit([buildPart(shard, rest)]);
  }

  /** The connection died during the commit: claim the same shards again, which fences a straggler, then compare. */
  async #settle(batch: readonly Part[], cause: AstraError): Promise<void> {
    this.#parts.onTrouble('the outcome of a commit is unknown: settling it', cause);
    const rows = await this.#reclaim(batch);
    if (!rows) return;
    const again: Part[] = [];
    for (const one of batch) {
      if (one.shard.stopped) continue;
      const row = rows.get(one.part.shard);
      if (!row) {
        this.#parts.lost(one.shard, 'fenced');
        continue;
      }
      one.shard.epoch = row.epoch;
      if (one.part.events.length > 0 && row.seq === one.part.seq && row.hash.equals(one.part.hash)) this.#landed(one);
      else if (row.seq === one.part.previousSeq) again.push(buildPart(one.shard, one.units));
      else this.#parts.lost(one.shard, `expected seq ${one.part.previousSeq} or ${one.part.seq}, found ${row.seq}`);
    }
    if (again.length > 0) await this.#commit(again);
  }

  async #reclaim(batch: readonly Part[]): Promise<ReadonlyMap<Shard, ShardRow> | undefined> {
    const held = batch.map(({ shard }) => ({ shard: shard.shard, epoch: shard.epoch }));
    for (let wait = commitRetryMinMs; !this.#stopped; wait = Math.min(wait * 2, commitRetryMaxMs)) {
      try {
        const rows = await this.#parts.log.reclaim(this.#parts.owner, leaseMs, held);
        return new Map(rows.map((row) => [row.shard, row]));
      } catch (error) {
        if (!(error instanceof AstraError)) throw error;
        this.#parts.onTrouble('the event store does not answer: settling waits', error);
        await this.#pause(wait);
      }
    }
    return undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(ms, resolve));
  }
}
