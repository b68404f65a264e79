import { balanceMs, claimRetryMs, leaseMs, leaseRenewMs } from './bounds.ts';
import { shard as asShard, type Shard } from './brand.ts';
import type { Clock } from './clock.ts';
import type { Duties } from './duties.ts';
import type { KernelLogger } from './kernel-logger.ts';
import type { Log, ShardRow } from './log.ts';
import type { ShardRuntime } from './shard.ts';

export interface OwnershipParts {
  readonly owner: string;
  readonly shards: number;
  readonly log: Pick<Log, 'claim' | 'heads' | 'leave' | 'living' | 'reclaim' | 'release' | 'renew'>;
  readonly clock: Clock;
  readonly duties: Duties;
  readonly logger: KernelLogger;
  /** What runs a shard that was claimed. */
  readonly runtime: (row: ShardRow) => ShardRuntime;
  /** Looks at the bus, before anything is taken from it. */
  readonly level: () => Promise<void>;
  /** Resolves when no commit of this shard is under way. */
  readonly settled: (runtime: ShardRuntime) => Promise<void>;
  readonly onRunning: (shard: Shard) => void;
  /** Ends what this process does for all because it owns this shard; resolves when that is over. */
  readonly onLeaving: (shard: Shard) => Promise<void>;
  readonly onTrouble: (message: string, cause: unknown) => void;
}

/**
 * Which shards this process owns, and how many it should:
 *
 *              below its share: claimed, when free or expired
 *   elsewhere ──────────────────────────────────────────────▶ recovering ─▶ running
 *     ▲    ▲                                                       │           │
 *     │    └── another epoch, or another's lease: stopped ◀────────┴───────────┤
 *     └─────── above its share, or it stops: drained, then given back ◀────────┘
 *
 * Nobody assigns anything. Every process asks the log who lives, by the log's clock, and comes to the same shares by itself;
 * while two of them see it differently, a shard is free for a moment, and never owned twice (I2: the epoch).
 */
export class Ownership {
  /** Resolves once this process owns its share, and all of it runs. */
  readonly ready: Promise<void>;
  readonly #parts: OwnershipParts;
  readonly #runtimes = new Map<Shard, ShardRuntime>();
  /** How many shards it should own; unknown before it was counted among the living. */
  #share: number | undefined;
  /** When the last renewal that succeeded was asked for. */
  #renewedMs: number | undefined;
  /** What the log said at that renewal that this process owns. */
  #held: readonly Shard[] = [];
  #stopping = false;
  #resolveReady: () => void = () => {};

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  get runtimes(): ReadonlyMap<Shard, ShardRuntime> {
    return this.#runtimes;
  }

  /** Whether no lease of this process can have run out. Who was suspended is not sure when it wakes, before it has asked. */
  get sure(): boolean {
    return this.#renewedMs !== undefined && this.#parts.clock.monotonicMs() - this.#renewedMs < leaseMs;
  }

  /** This process's part of all shards. */
  get part(): number {
    return this.#runtimes.size / this.#parts.shards;
  }

  async start(): Promise<void> {
    this.#parts.duties.every(leaseRenewMs, () => this.#renew());
    await this.#look();
  }

  /** Tells the others that they have to do without this process, which claims nothing more. */
  async leave(): Promise<void> {
    this.#stopping = true;
    await this.#parts.log
      .leave(this.#parts.owner)
      .catch((cause: unknown) => this.#parts.onTrouble('the others have to find out that this kernel stops', cause));
  }

  /** Everything that was decided is committed, for what it owns. */
  async drain(): Promise<void> {
    await this.#drain([...this.#runtimes.values()]);
  }

  /** Gives back all that it owns: at once, whatever is not committed is decided again by the next owner. */
  async end(): Promise<void> {
    await this.#giveBack([...this.#runtimes.values()]).catch((cause: unknown) =>
      this.#parts.onTrouble('the shards could not be handed back: their leases run out', cause),
    );
  }

  /** Another owner has it, or it must not go on here. */
  lose(runtime: ShardRuntime, reason: string): void {
    const { shard } = runtime;
    if (this.#runtimes.get(shard) !== runtime) return;
    this.#runtimes.delete(shard);
    this.#parts.logger.warn({ shard, reason }, 'shard lost: it stops here');
    void this.#parts.onLeaving(shard);
    void runtime.stop();
  }

  async #renew(): Promise<void> {
    const { clock, log, owner } = this.#parts;
    const asked = clock.monotonicMs();
    // Only what was owned when the question was asked can be missing in the answer.
    const before = [...this.#runtimes.values()];
    this.#held = await log.renew(owner, leaseMs);
    this.#renewedMs = asked;
    const held = new Set(this.#held);
    for (const runtime of before) if (!held.has(runtime.shard)) this.lose(runtime, 'the lease is another owner’s');
  }

  /** Comes closer to its share, again and again: who lives changes at any time. */
  async #look(): Promise<void> {
    try {
      await this.#balance();
    } catch (cause) {
      this.#parts.onTrouble('shards could not be claimed or handed over: trying again', cause);
    }
    const waits = this.#runtimes.size < (this.#share ?? 0);
    this.#parts.duties.after(waits ? claimRetryMs : balanceMs, () => this.#look());
  }

  async #balance(): Promise<void> {
    const { log, owner, shards } = this.#parts;
    if (this.#stopping) return;
    if (this.#renewedMs === undefined) await this.#renew();
    this.#take(await this.#strays());
    const living = await log.living(leaseMs);
    const place = living.indexOf(owner);
    // The others do without whoever has not renewed: it counts again once it has.
    if (place < 0) return;
    this.#share = shareOf(place, living.length, shards);
    const more = this.#share - this.#runtimes.size;
    if (more > 0) this.#take(await this.#claimed(more));
    if (more < 0) await this.#handOver(-more);
    this.#lookReady();
  }

  /** What this process lost, or never learnt that it had claimed, may still be its own: nobody else would ever take it. */
  async #strays(): Promise<readonly ShardRow[]> {
    const { log, owner } = this.#parts;
    const shards = this.#held.filter((shard) => !this.#runtimes.has(shard));
    if (shards.length === 0) return [];
    const own = (await log.heads(shards)).filter((row) => row.owner === owner);
    return own.length === 0 ? [] : log.reclaim(owner, leaseMs, own);
  }

  async #claimed(most: number): Promise<readonly ShardRow[]> {
    const { log, owner, shards } = this.#parts;
    const missing: Shard[] = [];
    for (let i = 0; i < shards; i++) if (!this.#runtimes.has(asShard(i))) missing.push(asShard(i));
    const rows = await log.claim(owner, leaseMs, missing, most);
    if (!this.#stopping) return rows;
    await log.release(owner, rows);
    return [];
  }

  /** Begins to run shards; one that cannot recover yet goes on trying. */
  #take(rows: readonly ShardRow[]): void {
    if (rows.length === 0) return;
    const { logger, onTrouble, owner, runtime } = this.#parts;
    const taken = rows.map((row) => ({ row, runtime: runtime(row) }));
    for (const one of taken) this.#runtimes.set(one.row.shard, one.runtime);
    const events = rows.reduce((sum, { seq, flushedSeq }) => sum + seq - flushedSeq, 0);
    logger.info({ owner, shards: rows.length, events }, 'shards claimed: recovering them');
    this.#run(taken).catch((cause: unknown) => onTrouble('shards were claimed and do not run', cause));
  }

  async #run(taken: readonly { readonly row: ShardRow; readonly runtime: ShardRuntime }[]): Promise<void> {
    await this.#parts.level();
    // One look at how far the receivers came serves all that ask at the same time.
    let heads: Promise<readonly ShardRow[]> | undefined;
    const confirmed = async (from: Shard): Promise<(to: Shard) => number> => {
      heads ??= this.#parts.log.heads();
      const all = await heads.finally(() => {
        heads = undefined;
      });
      const got = new Map(all.map((head) => [head.shard, head.got[from] ?? 0]));
      return (to) => got.get(to) ?? 0;
    };
    await Promise.all(
      taken.map(async ({ row, runtime }) => {
        await runtime.start(row, () => confirmed(runtime.shard));
        // One that folds its memory again already will run all the same.
        if (runtime.stopped) return;
        this.#parts.onRunning(runtime.shard);
        this.#lookReady();
      }),
    );
  }

  #lookReady(): void {
    if (this.#share === undefined || this.#runtimes.size < this.#share) return;
    if ([...this.#runtimes.values()].every(({ running }) => running)) this.#resolveReady();
  }

  /** The last ones, so that who has been there longest goes on with what one process does for all. */
  async #handOver(surplus: number): Promise<void> {
    const leaving = [...this.#runtimes.values()].sort((a, b) => b.shard - a.shard).slice(0, surplus);
    await this.#drain(leaving);
    await this.#giveBack(leaving);
    const { logger, owner } = this.#parts;
    logger.info({ owner, shards: leaving.length, left: this.#runtimes.size }, 'shards handed over');
  }

  async #drain(runtimes: readonly ShardRuntime[]): Promise<void> {
    const { onLeaving, settled } = this.#parts;
    await Promise.all(
      runtimes.map(async (runtime) => {
        await Promise.all([onLeaving(runtime.shard), runtime.quiesce()]);
        await settled(runtime);
      }),
    );
  }

  async #giveBack(runtimes: readonly ShardRuntime[]): Promise<void> {
    const held = runtimes.filter((runtime) => this.#runtimes.get(runtime.shard) === runtime);
    for (const { shard } of held) this.#runtimes.delete(shard);
    await Promise.all(held.map((runtime) => runtime.stop()));
    await this.#parts.log.release(
      this.#parts.owner,
      held.map(({ shard, epoch }) => ({ shard, epoch })),
    );
  }
}

/** As even as can be: of the shards that are left over, the first processes have one each. */
export function shareOf(place: number, processes: number, shards: number): number {
  return Math.floor(shards / processes) + (place < shards % processes ? 1 : 0);
}
