import { checkEnd } from './end-check.ts';
import { Faults } from './faults.ts';
import type { Mutation } from './mutations.ts';
import type { Violation } from './violation.ts';
import { World } from './world.ts';

/** Steps of a run before everything comes to its end: some twenty faults, a few goals. */
export const stepsDefault = 3000;

export interface RunOptions {
  readonly seed: number;
  /** Steps of the part in which things go wrong; what is open then comes to its end in as many more as that takes. */
  readonly steps: number;
  readonly mutation?: Mutation | undefined;
}

export interface RunResult {
  readonly seed: number;
  /** Of all that was committed and sent, in order. */
  readonly hash: string;
  readonly steps: number;
  readonly faults: number;
  readonly violation: Violation | undefined;
  /** What happened last. */
  readonly notes: readonly string[];
}

/** One run: the same options, the same result, anywhere. */
export async function run({ seed, steps, mutation }: RunOptions): Promise<RunResult> {
  const world = new World(seed, mutation);
  const faults = new Faults(world);
  await world.time.settle();
  while (!world.violation && world.time.steps < steps) await world.time.step();
  if (!world.violation) await checkEnd(world);
  return {
    seed,
    hash: world.hash,
    steps: world.time.steps,
    faults: faults.count,
    violation: world.violation,
    notes: world.notes,
  };
}
