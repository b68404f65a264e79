import { setImmediate as nextTurn } from 'node:timers/promises';
import { shard as asShard, parsePosition, type Seq, type Shard, seq } from '../kernel/brand.ts';
import type { Head } from '../kernel/bus.ts';
import type { Clock } from '../kernel/clock.ts';
import type { EventShapes } from '../kernel/codec.ts';
import type { CommitTail, LoggedCommit } from '../kernel/edge.ts';
import type { Json } from '../kernel/envelope.ts';
import type { StoredEvent } from '../kernel/event.ts';
import { genesisHash } from '../kernel/hash.ts';
import type { Log, ShardRow } from '../kernel/log.ts';
import { Alarms } from './alarms.ts';
import {
  behindGraceMs,
  gapGraceMs,
  headsPollMs,
  pendingBytesMax,
  progressMs,
  retryMaxMs,
  retryMinMs,
} from './bounds.ts';
import type { EngineStatus, ShardState, ShardStatus } from './engine-status.ts';
import { KeyRing } from './key-ring.ts';
import { PositionWaits } from './position-waits.ts';
import type { Running } from './projection.ts';
import { type FoldParts, ShardFold } from './shard-fold.ts';
import { type ShardJob, ShardJobs } from './shard-jobs.ts';
import type { EventSource } from './shard-tail.ts';
import { Subscriptions } from './subscriptions.ts';

/** Something that an operator should know. */
export interface ProjectionProblem {
  readonly code: 'log_unavailable' | 'tail_unavailable' | 'shard_rebuilding' | 'shard_rebuilt' | 'event_refused';
  readonly detail: string;
  readonly shard?: Shard;
  readonly cause?: unknown;
}

export interface EngineOptions {
  readonly log: Pick<Log, 'meta' | 'heads' | 'read' | 'keysById'>;
  readonly tail: CommitTail;
  readonly clock: Clock;
  readonly shapes: EventShapes;
  readonly projections: readonly Running[];
  /** What kernels show of themselves. */
  readonly onStats: (owner: string, stats: Json) => void;
  readonly onProblem: (problem: ProjectionProblem) => void;
  readonly onProgress?: ((status: EngineStatus) => void) | undefined;
}

/**
 * Keeps projections level with the log (docs/architecture.md, "Read models"):
 *
 *   scan      every shard from Postgres, up to the heads seen at the start
 *   tail      commits from LOG, as they come
 *   repair    what LOG did not bring is read from Postgres: a gap at once, a head that is ahead after a while
 *   rebuild   a head behind, or with another hash than, what was applied: the shard is folded again beside, then swapped
 *
 * It needs neither Postgres nor the bus to go on serving (I6): everything that fails is tried again, for ever.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #waits: PositionWaits;
  readonly #keys: KeyRing;
  readonly #jobs: ShardJobs;
  readonly #parts: FoldParts;
  readonly #subscriptions: Subscriptions;
  readonly #alarms: Alarms;
  readonly #rebuilding = new Map<Shard, ShardFold>();
  readonly level: Promise<void>;
  #databaseId = '';
  #folds: ShardFold[] = [];
  /** By shard: the highest seq that is known to be committed. */
  #heads: Seq[] = [];
  /** By shard: the head seen at the start. */
  #targets: Seq[] | undefined;
  #resolveLevel: () => void = () => {};
  #reached = false;
  #applied = 0;
  #progressAt = 0;
  #logProblem: string | undefined;
  #connected = false;
  #polling = false;
  #stopped = false;

  constructor(options: EngineOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#alarms = new Alarms(clock);
    this.#subscriptions = new Subscriptions(this.#alarms, (cause) =>
      options.onProblem({
        code: 'tail_unavailable',
        detail: 'the bus does not take the subscription to commits: they come from Postgres until it does',
        cause,
      }),
    );
    this.#waits = new PositionWaits(clock);
    this.#keys = new KeyRing(log);
    this.level = new Promise((resolve) => {
      this.#resolveLevel = resolve;
    });
    this.#jobs = new ShardJobs({
      clock,
      run: (shard, job) => this.#run(shard, job),
      onFailed: (cause) => this.#logFailed(cause),
      onDone: () => this.#logAnswered(),
    });
    this.#parts = {
      clock,
      shapes: options.shapes,
      keys: this.#keys,
      budget: { bytes: 0, bytesMax: pendingBytesMax },
      onApplied: (fold, events) => this.#onApplied(fold, events),
      onGap: (fold) => this.#onGap(fold),
      onUnlinked: (fold, source) => this.#onUnlinked(fold, source),
      onRefused: (event, cause) => this.#onRefused(event, cause),
      onKeysFailed: async (cause) => {
        this.#logFailed(cause);
        await this.#alarms.pause(retryMaxMs);
        return !this.#stopped;
      },
    };
  }

  /** Begins, in the background. */
  start(): void {
    void this.#begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarms.stop();
    this.#jobs.stop();
    this.#waits.stop();
    for (const fold of [...this.#folds, ...this.#rebuilding.values()]) fold.stop();
    await this.#subscriptions.stop();
  }

  status(): EngineStatus {
    const shards: ShardStatus[] = [];
    let behind = 0;
    let target = 0;
    let done = 0;
    for (const fold of this.#folds) {
      const { shard, applied } = fold;
      const head = seq(Math.max(this.#heads[shard] ?? 0, applied));
      behind += head - applied;
      const goal = this.#targets?.[shard] ?? 0;
      target += goal;
      done += Math.min(goal, applied);
      shards.push({ shard, state: this.#stateOf(shard, applied, head), applied, head });
    }
    return {
      level: this.#isLevel(),
      scanned: this.#targets === undefined ? 0 : target === 0 ? 1 : done / target,
      applied: this.#applied,
      behind,
      connected: this.#connected,
      ...(this.#logProblem === undefined ? {} : { logProblem: this.#logProblem }),
      shards,
    };
  }

  /** See {@link Projections.waitFor}. */
  async waitFor(position: string, waitMs: number): Promise<'applied' | 'timeout' | 'refused' | 'unknown'> {
    const at = parsePosition(position);
    if (!at) return 'unknown';
    const fold = this.#folds[at.shard];
    if (!fold && this.#folds.length > 0) return 'unknown';
    if (fold && fold.applied >= at.seq) return 'applied';
    return this.#waits.wait(at.shard, at.seq, waitMs);
  }

  #stateOf(shard: Shard, applied: Seq, head: Seq): ShardState {
    if (this.#rebuilding.has(shard)) return 'rebuilding';
    if (this.#targets === undefined || applied < (this.#targets[shard] ?? 0)) return 'scanning';
    return head > applied ? 'behind' : 'level';
  }

  #isLevel(): boolean {
    if (this.#rebuilding.size > 0 || this.#targets === undefined) return false;
    if (this.#reached) return true;
    const targets = this.#targets;
    return this.#folds.every(({ shard, applied }) => applied >= (targets[shard] ?? 0));
  }

  // — Start —

  async #begin(): Promise<void> {
    const { log } = this.#options;
    const meta = await this.#persist(() => log.meta());
    if (!meta) return;
    this.#databaseId = meta.databaseId;
    this.#folds = Array.from({ length: meta.shards }, (_, i) => this.#fold(asShard(i), this.#options.projections));
    this.#heads = this.#folds.map(() => seq(0));
    void this.#listen();
    const rows = await this.#persist(() => log.heads());
    if (!rows) return;
    const targets = this.#folds.map(() => seq(0));
    for (const row of rows) {
      targets[row.shard] = row.seq;
      this.#known(row.shard, row.seq);
    }
    this.#targets = targets;
    for (const { shard, applied } of this.#folds) if (applied < (targets[shard] ?? 0)) this.#jobs.want(shard, 'repair');
    this.#checkLevel();
    this.#pollLater();
  }

  #fold(shard: Shard, projections: readonly Running[]): ShardFold {
    return new ShardFold(shard, genesisHash(this.#databaseId, shard), projections, this.#parts);
  }

  async #listen(): Promise<void> {
    const { tail, onStats } = this.#options;
    tail.onConnection((state) => {
      this.#connected = state === 'back';
      if (this.#connected) void this.#poll();
    });
    await Promise.all([
      this.#subscriptions.keep(() => tail.onCommit((commit) => this.#onCommit(commit))),
      this.#subscriptions.keep(() => tail.onHeads((heads) => this.#onHeads(heads))),
      this.#subscriptions.keep(() => tail.onStats(onStats)),
    ]);
    this.#connected = !this.#stopped;
  }

  // — What arrives —

  #onCommit({ shard, events }: LoggedCommit): void {
    const fold = this.#folds[shard];
    const first = events[0];
    if (!fold || !first) return;
    this.#known(shard, first.commitSeq);
    fold.offer(events, 'log');
    this.#rebuilding.get(shard)?.offer(events, 'log');
  }

  #onHeads(heads: readonly Head[]): void {
    for (const head of heads) {
      const fold = this.#folds[head.shard];
      if (!fold) continue;
      this.#known(head.shard, head.seq);
      // A head of a moment ago is no surprise; one with another hash is: Postgres decides.
      if (head.seq === fold.applied && head.hash !== fold.hash.toString('hex')) this.#jobs.want(head.shard, 'repair');
      else if (head.seq > fold.applied) this.#expect(fold, head.seq);
    }
  }

  #known(shard: Shard, at: Seq): void {
    if (at > (this.#heads[shard] ?? 0)) this.#heads[shard] = at;
  }

  /** A head is ahead. If the fold stands still until then, LOG has lost it. */
  #expect(fold: ShardFold, head: Seq): void {
    const { applied, shard } = fold;
    if (this.#jobs.busy(shard)) return;
    this.#alarms.after(behindGraceMs, () => {
      if (this.#folds[shard] === fold && fold.applied === applied && applied < head) this.#jobs.want(shard, 'repair');
    });
  }

  #onGap(fold: ShardFold): void {
    const { applied, shard } = fold;
    if (this.#jobs.busy(shard)) return;
    this.#alarms.after(gapGraceMs, () => {
      if (this.#folds[shard] === fold && fold.applied === applied && fold.hasGap) this.#jobs.want(shard, 'repair');
    });
  }

  #onUnlinked(fold: ShardFold, source: EventSource): void {
    if (this.#folds[fold.shard] === fold) this.#jobs.want(fold.shard, source === 'store' ? 'rebuild' : 'repair');
  }

  #onRefused(event: StoredEvent, cause: unknown): void {
    this.#options.onProblem({
      code: 'event_refused',
      detail: `event ${event.shard}:${event.seq} (${event.type}) could not be folded: it is left out of the read models`,
      shard: event.shard,
      cause,
    });
  }

  #onApplied(fold: ShardFold, events: number): void {
    this.#applied += events;
    const { shard, applied } = fold;
    if (this.#folds[shard] !== fold) return;
    this.#known(shard, applied);
    this.#waits.applied(shard, applied);
    this.#progress();
    if (!this.#reached) this.#checkLevel();
  }

  #checkLevel(): void {
    if (this.#reached || !this.#isLevel()) return;
    this.#reached = true;
    this.#options.onProgress?.(this.status());
    this.#resolveLevel();
  }

  #progress(): void {
    const { clock, onProgress } = this.#options;
    if (!onProgress || this.#reached) return;
    const now = clock.monotonicMs();
    if (now - this.#progressAt < progressMs) return;
    this.#progressAt = now;
    onProgress(this.status());
  }

  // — Postgres —

  #pollLater(): void {
    this.#alarms.after(headsPollMs, async () => {
      await this.#poll();
      if (!this.#stopped) this.#pollLater();
    });
  }

  async #poll(): Promise<void> {
    if (this.#polling || this.#stopped || this.#targets === undefined) return;
    this.#polling = true;
    try {
      const before = this.#folds.map((fold) => ({ fold, applied: fold.applied, hash: fold.hash }));
      for (const row of await this.#options.log.heads()) {
        const was = before[row.shard];
        if (!was || this.#folds[row.shard] !== was.fold) continue;
        if (isOtherHistory(row, was)) this.#jobs.want(row.shard, 'rebuild');
        else if (row.seq > was.fold.applied) {
          this.#known(row.shard, row.seq);
          if (this.#connected) this.#expect(was.fold, row.seq);
          else this.#jobs.want(row.shard, 'repair');
        }
      }
      this.#logAnswered();
    } catch (cause) {
      this.#logFailed(cause);
    } finally {
      this.#polling = false;
    }
  }

  async #run(shard: Shard, job: ShardJob): Promise<void> {
    if (this.#stopped) return;
    if (job === 'rebuild') return this.#rebuild(shard);
    const fold = this.#folds[shard] as ShardFold;
    const before = { applied: fold.applied, hash: fold.hash };
    const row = await this.#head(shard);
    if (isOtherHistory(row, before)) this.#jobs.want(shard, 'rebuild');
    else await this.#read(fold, row.seq);
  }

  /** Reads a shard's log up to and including `upTo`, no faster than it is folded. */
  async #read(fold: ShardFold, upTo: Seq): Promise<void> {
    this.#known(fold.shard, upTo);
    if (fold.applied >= upTo) return;
    for await (const page of this.#options.log.read(fold.shard, fold.applied, upTo)) {
      fold.offer(page, 'store');
      await fold.drained();
      await nextTurn();
      if (this.#stopped || fold.stopped || fold.isForked) return;
    }
  }

  async #head(shard: Shard): Promise<ShardRow> {
    const [row] = await this.#options.log.heads([shard]);
    if (!row) throw new Error(`expected a row of shard ${shard} in table shards, found none`);
    return row;
  }

  /** What was applied is not what the log holds: it is folded again beside what is served, and swapped when level. */
  async #rebuild(shard: Shard): Promise<void> {
    const { log, onProblem, projections } = this.#options;
    if (!this.#rebuilding.has(shard))
      onProblem({
        code: 'shard_rebuilding',
        detail: `the log of shard ${shard} is not the one that was applied up to ${this.#folds[shard]?.applied}: its read models are built again`,
        shard,
      });
    this.#rebuilding.get(shard)?.stop();
    this.#databaseId = (await log.meta()).databaseId;
    const beside = this.#fold(
      shard,
      projections.map((projection) => projection.beside()),
    );
    this.#rebuilding.set(shard, beside);
    const row = await this.#head(shard);
    await this.#read(beside, row.seq);
    if (this.#stopped) return;
    if (beside.isForked || beside.applied < row.seq)
      throw new Error(`shard ${shard} changed again while it was read: expected ${row.seq}, reached ${beside.applied}`);
    projections.forEach((projection, i) => {
      projection.adopt(beside.projections[i] as Running, shard);
    });
    beside.foldInto(projections);
    this.#folds[shard]?.stop();
    this.#folds[shard] = beside;
    this.#heads[shard] = beside.applied;
    if (this.#targets) this.#targets[shard] = seq(Math.min(this.#targets[shard] ?? 0, row.seq));
    this.#rebuilding.delete(shard);
    onProblem({ code: 'shard_rebuilt', detail: `shard ${shard} was built again up to ${beside.applied}`, shard });
    this.#waits.applied(shard, beside.applied);
    this.#checkLevel();
  }

  // — Trouble —

  #logFailed(cause: unknown): void {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const first = this.#logProblem === undefined;
    this.#logProblem = detail;
    if (first && !this.#stopped)
      this.#options.onProblem({
        code: 'log_unavailable',
        detail: `the log cannot be read: reads go on from memory, it is tried again (${detail})`,
        cause,
      });
  }

  #logAnswered(): void {
    this.#logProblem = undefined;
  }

  /** Tries until it succeeds; undefined when the engine was stopped. */
  async #persist<T>(attempt: () => Promise<T>): Promise<T | undefined> {
    for (let waitMs = retryMinMs; !this.#stopped; waitMs = Math.min(waitMs * 2, retryMaxMs)) {
      try {
        const value = await attempt();
        this.#logAnswered();
        return value;
      } catch (cause) {
        this.#logFailed(cause);
        await this.#alarms.pause(waitMs);
      }
    }
    return undefined;
  }
}

/** Whether Postgres's head shows that what was applied before it was asked (I1: committed then) is not in the log now. */
const isOtherHistory = (
  row: Pick<ShardRow, 'seq' | 'hash'>,
  before: { readonly applied: Seq; readonly hash: Buffer },
): boolean => row.seq < before.applied || (row.seq === before.applied && !row.hash.equals(before.hash));
