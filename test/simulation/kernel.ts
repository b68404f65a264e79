import { createHash } from 'node:crypto';
import { parkPublication, translatePublication } from '../../actors/index.ts';
import { micros } from '../../kernel/brand.ts';
import { PoisonedInput } from '../../kernel/contained.ts';
import { AstraError } from '../../kernel/errors.ts';
import { timeId } from '../../kernel/ids.ts';
import { type Kernel, type KernelOptions, startKernel } from '../../kernel/kernel.ts';
import { seededRandom } from '../../kernel/random.ts';
import { epochMs } from './database.ts';
import { planted } from './failures.ts';
import { probed } from './probe.ts';
import { ProcessClock, SimProcess } from './process.ts';
import type { World } from './world.ts';

const hourMs = 3_600_000;

/** One life of a kernel process: the real kernel and the real actors, on ports that obey the run. */
export class SimKernel {
  readonly process: SimProcess;
  #kernel: Kernel | undefined;

  constructor(world: World, name: string) {
    this.process = new SimProcess(name, world.time, world.diceOf(name));
    const { dice } = this.process;
    // Its machine's clock may be wrong by an hour, and its timers late.
    const clock = new ProcessClock(this.process, epochMs + dice.between(-1, 1) * hourMs, dice.pick([20, 50, 200]));
    const random = seededRandom(createHash('sha256').update(`${world.seed}/${name}`).digest());
    const defect = (what: unknown): void => world.violate('defect', `${name}: ${textOf(what)}`);
    const options: KernelOptions = {
      log: world.database.portOf(this.process),
      bus: world.network.portOf(this.process),
      clock,
      random,
      logger: {
        info: () => {},
        warn: (fields, message) => {
          // It may have committed what it will never answer for.
          if (message.startsWith('shard lost')) world.lanes.disturbed();
          if (message.includes('settling')) world.lanes.settling();
          world.note(`${name}: ${message} ${textOf(fields)}`);
        },
        error: (fields, message) => {
          const { err } = fields as { readonly err?: unknown };
          if (!(err instanceof PoisonedInput) || !err.message.endsWith(planted)) defect({ message, ...fields });
        },
      },
      behaviors: probed(
        world.failures.in(
          world.behaviors,
          () => this.process.state === 'up',
          () => {
            this.process.kill();
            world.note(`${name}: killed by what it decided`);
            world.kernelEnded(this, 200);
          },
        ),
        (probe) => world.probe(probe),
      ),
      translate: (publication, now) =>
        translatePublication(publication, micros(now), (prefix) =>
          timeId(prefix, Math.floor(clock.now() / 1000), random.bytes(10)),
        ),
      parkPublication,
      idempotencyDays: 7,
      eventsFor: () => true,
      onDefect: defect,
    };
    void startKernel(world.mutation?.kernel?.(options, world) ?? options).then(
      (kernel) => {
        this.#kernel = kernel;
      },
      (error: unknown) => {
        // Who finds nobody there when it begins ends, and is started again.
        if (!(error instanceof AstraError) || error.kind !== 'unavailable') return defect(error);
        this.process.kill();
        world.kernelEnded(this, 500);
      },
    );
  }

  stats() {
    return this.#kernel?.stats();
  }

  /** Hands its shards over, and ends. */
  async stop(): Promise<void> {
    await this.#kernel?.stop();
    this.process.kill();
  }
}

export const textOf = (what: unknown): string => {
  if (what instanceof Error) return what.stack ?? what.message;
  if (typeof what !== 'object' || what === null) return String(what);
  return Object.entries(what)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.stack : JSON.stringify(value)}`)
    .join(' ');
};
