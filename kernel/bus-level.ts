import { busRetryMs } from './bounds.ts';
import type { Generation } from './brand.ts';
import type { Bus } from './bus.ts';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { ShardRuntime } from './shard.ts';

export interface BusLevelParts {
  readonly bus: Pick<Bus, 'inspect' | 'recreate'>;
  readonly log: Pick<Log, 'heads' | 'raiseGeneration'>;
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
    const { bus, log, runtimes, onForgot } = this.#parts;
    const lanes = runtimes().map(({ shard, committed }) => [shard, committed.lane] as const);
    const current = new Map(lanes.filter(([, lane]) => lane.generation === this.#generation));
    const { state, reason, highestSequence } = await bus.inspect(this.#generation, current);
    if (state === 'level') return;
    this.#close();
    onForgot(reason ?? 'no reason given');
    const rows = await log.heads();
    const highest = Math.max(highestSequence, ...rows.map(({ lane }) => lane.sequence));
    this.#generation = await log.raiseGeneration(this.#generation);
    await bus.recreate(this.#generation, highest);
  }
}
