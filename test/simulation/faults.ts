import type { Dice } from './dice.ts';
import type { SimKernel } from './kernel.ts';
import type { World } from './world.ts';

/** What is always a little wrong. */
const troubleAlways = 0.003;

/** Every kernel is on its way back already. */
const none = 'of none';

type Fault = (world: World, dice: Dice) => string;

/** Sets something wrong, and right again after a while. */
function spell(world: World, ms: number, begin: () => void, end: () => void): void {
  begin();
  world.time.after(ms, () => {
    if (!world.isCalm) end();
  });
}

/** A kernel ends or stands still at one of its next port calls, before it leaves or behind it: at any await. */
function strike(world: World, dice: Dice, kernel: SimKernel, end: 'crash' | 'pause', then: () => void): void {
  kernel.process.doom = {
    calls: dice.int(dice.chance(0.5) ? 12 : 120),
    end,
    isBefore: dice.chance(0.5),
    onEnd: () => {
      world.note(`${kernel.process.name}: ${end}`);
      world.lanes.disturbed();
      then();
    },
  };
}

/** Everything that may go wrong (docs/simulation.md lists it); each says what it did. */
export const faults: Readonly<Record<string, Fault>> = {
  'kernel-crash'(world, dice) {
    const kernel = dice.pick<SimKernel | undefined>(world.kernels);
    if (!kernel) return none;
    strike(world, dice, kernel, 'crash', () => world.kernelEnded(kernel, dice.between(50, 4000)));
    return kernel.process.name;
  },

  'kernel-pause'(world, dice) {
    const kernel = dice.pick<SimKernel | undefined>(world.kernels);
    if (!kernel) return none;
    const ms = dice.pick([300, 3000, 9000]) * dice.between(0.5, 1.5);
    strike(world, dice, kernel, 'pause', () => world.time.after(ms, () => world.resume(kernel.process)));
    return `${kernel.process.name} for ${ms.toFixed(0)} ms`;
  },

  /** A command ends every process that decides it, until it is parked. */
  'command-kills'(world, dice) {
    const after = dice.int(10);
    world.failures.plan('kills', after);
    return `behind ${after} others`;
  },

  /** A behavior throws on a command, before or behind its decision, until it is parked. */
  'behavior-fails'(world, dice) {
    const [failure, after] = [dice.pick(['throws', 'throws-late'] as const), dice.int(10)];
    world.failures.plan(failure, after);
    return `${failure} behind ${after} others`;
  },

  'kernel-stop'(world, dice) {
    const kernel = dice.pick<SimKernel | undefined>(world.kernels);
    if (!kernel) return none;
    world.lanes.disturbed();
    void kernel.stop().then(() => world.kernelEnded(kernel, dice.between(50, 2000)));
    return kernel.process.name;
  },

  /** The leases run out under their owners: two of them are at work at once. */
  'two-owners'(world) {
    world.database.clock.jumpedMs += 2600;
    return 'the leases are over';
  },

  'clock-jump'(world, dice) {
    const ms = dice.chance(0.1) ? dice.between(0, 3_600_000) : dice.between(-1500, 6000);
    world.database.clock.jumpedMs += ms;
    return `${ms.toFixed(0)} ms`;
  },

  /** Commits end with an outcome that nobody knows: lost, landed, or landing later. */
  'store-trouble'(world, dice) {
    const { database } = world;
    const of = dice.between(0.05, 0.5);
    spell(
      world,
      dice.between(200, 3000),
      () => (database.trouble = of),
      () => (database.trouble = troubleAlways),
    );
    return `${(of * 100).toFixed(0)} %`;
  },

  'store-down'(world, dice) {
    const { log } = world.database;
    spell(
      world,
      dice.between(100, 4000),
      () => (log.up = false),
      () => (log.up = true),
    );
    return '';
  },

  'slow-disk'(world, dice) {
    const { database } = world;
    const ms = dice.pick([20, 200, 1500]);
    spell(
      world,
      dice.between(500, 4000),
      () => (database.diskMs = ms),
      () => (database.diskMs = 0),
    );
    return `${ms} ms`;
  },

  /** Messages are lost, doubled, late and out of order. */
  'bus-trouble'(world, dice) {
    const of = dice.between(0.02, 0.4);
    const set = (chance: number): void => {
      world.network.trouble = chance;
      world.work.trouble = chance;
    };
    spell(
      world,
      dice.between(500, 5000),
      () => set(of),
      () => set(troubleAlways),
    );
    return `${(of * 100).toFixed(0)} %`;
  },

  'bus-down'(world, dice) {
    const ms = dice.between(100, 5000);
    spell(
      world,
      ms,
      () => world.disconnect(),
      () => world.reconnect(),
    );
    return `for ${ms.toFixed(0)} ms`;
  },

  'bus-wiped'(world, dice) {
    if (dice.chance(0.3)) {
      world.wipe();
      return 'without a loss of the connection';
    }
    spell(
      world,
      dice.between(100, 2000),
      () => world.disconnect(),
      () => {
        world.wipe();
        world.reconnect();
      },
    );
    return '';
  },

  'bus-rolled-back'(world, dice) {
    const by = dice.int(25);
    spell(
      world,
      dice.between(100, 2000),
      () => world.disconnect(),
      () => {
        world.rollBack(by);
        world.reconnect();
      },
    );
    return `by ${by}`;
  },

  'worker-crash'(world, dice) {
    const worker = dice.pick(world.workers);
    world.workerDied(worker);
    return worker.process.name;
  },

  'worker-pause'(world, dice) {
    const { process } = dice.pick(world.workers);
    process.pause();
    world.time.after(dice.pick([1000, 7000, 15_000]) * dice.between(0.5, 1.5), () => world.resume(process));
    return process.name;
  },

  'gateway-crash'(world) {
    world.gateway.process.kill();
    world.startGateway();
    return '';
  },

  'gateway-pause'(world, dice) {
    const { process } = world.gateway;
    process.pause();
    world.time.after(dice.between(500, 6000), () => world.resume(process));
    return '';
  },
};

/** Draws faults, one after the other, until the run is calm. */
export class Faults {
  count = 0;
  readonly #world: World;
  readonly #dice: Dice;
  readonly #kinds: readonly string[];
  readonly #paceMs: number;

  constructor(world: World) {
    this.#world = world;
    this.#dice = world.diceOf('faults');
    const all = Object.keys(faults);
    // Some runs know a few faults only, and those often: what needs two of a kind in a row is found there.
    this.#kinds = this.#dice.chance(0.5) ? all : all.filter(() => this.#dice.chance(0.35));
    this.#paceMs = this.#dice.pick([300, 1000, 3000]);
    world.database.trouble = troubleAlways;
    world.network.trouble = troubleAlways;
    world.work.trouble = troubleAlways;
    world.database.divides = this.#dice.chance(0.5);
    this.#later();
  }

  #later(): void {
    if (this.#kinds.length === 0) return;
    this.#world.time.after(this.#dice.between(0, 2 * this.#paceMs), () => {
      if (this.#world.isCalm) return;
      const kind = this.#dice.pick(this.#kinds);
      const what = (faults[kind] as Fault)(this.#world, this.#dice);
      this.count++;
      this.#world.note(`fault: ${kind} ${what}`);
      this.#later();
    });
  }
}
