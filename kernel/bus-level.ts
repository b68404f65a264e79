import { busRetryMs } from './bounds.ts';
import { shard as asShard, type Generation, type Shard } from './brand.ts';
import type { Bus } from './bus.ts';
import type { Clock } from './clock.ts';
import { AstraError } from './errors.ts';
import type { LanePosition, Log, ShardRow } from './log.ts';
import type { ShardRuntime } from './shard.ts';

/** The shard whose owner does what one kernel has to do for all: reads IN, and makes the streams anew. */
export const leadingShard = asShard(0);

export interface BusLevelParts {
  readonly owner: string;
  readonly shards: number;
  readonly bus: Pick<Bus, 'inspect' | 'recreate'>;
  readonly log: Pick<Log, 'heads' | 'meta' | 'raiseGeneration'>;
  readonly clock: Clock;
  readonly runtimes: () => readonly ShardRuntime[];
  readonly stopping: () => boolean;
  readonly onForgot: (reason: string) => void;
  readonly onTrouble: (message: string, cause: unknown) => void;
}

/**
 * Whether the bus still is the one that was read (I7): looked at before anything is taken from it, after every loss of the
 * connection, and now and then besides. When it forgot, the generation is raised, the streams are made anew, and what was
 * in flight is derived again from the log. Until that is known, nothing is taken from the bus: what came from streams that
 * are about to be made anew would count as consumed of the new ones.
 *
 * Of several kernels the owner of shard 0 alone does this, by what the log says that it is; it looks at everybody's lanes.
 * The others wait until the bus is level with the generation that the log says is in force.
 */
export class BusLevel {
  readonly #parts: BusLevelParts;
  #generation: Generation;
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  #losses = 0;
  #looking: Promise<void> | undefined;

  constructor(parts: BusLevelParts, generation: Generation) {
    this.#parts = parts;
    this.#generation = generation;
  }

  get generation(): Generation {
    return this.#generation;
  }

  /** Set while nothing may be taken from the bus. */
  get gate(): Promise<void> | undefined {
    return this.#gate?.opened;
  }

  /** While this looks at the lanes' last messages, they must not be purged. */
  get looking(): boolean {
    return this.#looking !== undefined;
  }

  /** The connection is lost: what it will be connected to is not known. */
  lost(): void {
    this.#losses++;
    this.#close();
  }

  #close(): void {
    if (this.#gate) return;
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { opened, open };
  }

  /** Resolves when the bus is level, and every running shard hears it. */
  async level(): Promise<void> {
    while (this.#looking) await this.#looking;
    this.#looking = this.#level().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #level(): Promise<void> {
    const { clock, runtimes, stopping, onTrouble } = this.#parts;
    while (!stopping()) {
      const losses = this.#losses;
      try {
        await this.#look();
        await Promise.all(runtimes().map((runtime) => runtime.reopen()));
        if (losses !== this.#losses) return;
        this.#gate?.open();
        this.#gate = undefined;
        return;
      } catch (cause) {
        onTrouble('the bus could not be inspected: trying again', cause);
        await new Promise<void>((resolve) => clock.after(busRetryMs, resolve));
      }
    }
  }

  async #look(): Promise<void> {
    const { bus, log, onForgot } = this.#parts;
    // First, because a generation that is over must never come back: it names positions and publications of then, and whoever
    // missed that it was raised would find it on streams that are empty once more.
    const inForce = (await log.meta()).generation;
    if (inForce > this.#generation) {
      this.#close();
      this.#generation = inForce;
    }
    for (let lanes = await this.#lanes(); ; ) {
      const looked = new Map([...lanes].filter(([, lane]) => lane.generation === this.#generation));
      const { state, reason, highestSequence } = await bus.inspect(this.#generation, looked);
      if (state === 'level') return;
      this.#close();
      const { generation } = await log.meta();
      const rows = await log.heads();
      // A lane that went on meanwhile may have been purged behind its position, by an owner that is another one perhaps.
      const movedOn = rows.some(({ shard, lane }) => looked.has(shard) && !isSame(lane, looked.get(shard)));
      if (generation !== this.#generation || movedOn) {
        this.#generation = generation;
        lanes = new Map(rows.filter(({ shard }) => lanes.has(shard)).map(({ shard, lane }) => [shard, lane]));
        continue;
      }
      if (!this.#leads(rows))
        throw new AstraError(
          'unavailable',
          'bus_unavailable',
          'it forgot, and the owner of shard 0 has to make it anew',
        );
      onForgot(reason ?? 'no reason given');
      const highest = Math.max(highestSequence, ...rows.map(({ lane }) => lane.sequence));
      const now = await log.raiseGeneration(this.#generation);
      this.#generation = now.generation;
      if (now.raised) return bus.recreate(now.generation, highest);
    }
  }

  /** What has to be found on the bus: where this process's lanes are, and where everybody's are if it leads. */
  async #lanes(): Promise<ReadonlyMap<Shard, LanePosition>> {
    const { log, runtimes, shards } = this.#parts;
    const own = runtimes().map(({ shard, committed }) => [shard, committed.lane] as const);
    if (own.length === shards || own.every(([shard]) => shard !== leadingShard)) return new Map(own);
    return new Map([...(await log.heads()).map(({ shard, lane }) => [shard, lane] as const), ...own]);
  }

  #leads(rows: readonly ShardRow[]): boolean {
    return rows.some(({ shard, owner }) => shard === leadingShard && owner === this.#parts.owner);
  }
}

const isSame = (one: LanePosition, other: LanePosition | undefined): boolean =>
  one.generation === other?.generation && one.sequence === other.sequence && one.time === other.time;
