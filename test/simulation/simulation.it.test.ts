import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkEnd } from './end-check.ts';
import { faults } from './faults.ts';
import { mutations } from './mutations.ts';
import { type RunResult, run, stepsDefault } from './run.ts';
import { World } from './world.ts';

/** Every planted bug is found within so many seeds; most within a few. */
const seedsMax = 200;
/** A search that finds nothing takes this long. */
const searchMs = 300_000;

const runOf = (seed: number): Promise<RunResult> => run({ seed, steps: stepsDefault });

describe('the simulator', () => {
  it('finds nothing wrong in a handful of runs, and runs each in the same way again (I1 to I5, I7, I8)', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { hash, violation, faults, notes } = await runOf(seed);
      expect(violation, notes.join('\n')).toBeUndefined();
      expect(faults).toBeGreaterThan(0);
      expect((await runOf(seed)).hash).toBe(hash);
    }
  }, 60_000);

  it('runs seeds apart', async () => {
    const [one, other] = [await runOf(6), await runOf(7)];
    expect(one.hash).not.toBe(other.hash);
  }, 20_000);

  it.each(['kills', 'throws', 'throws-late'] as const)(
    'redrives what was parked because it %s, and whatever it is, everything ends and is counted (I8)',
    async (failure) => {
      let parked = 0;
      for (const seed of [1, 2, 3, 4, 5, 6]) {
        const world = new World(seed);
        const { failures, story, time } = world;
        await time.settle();
        while (!world.violation && time.steps < 2000) {
          if (time.steps % 100 === 0) failures.plan(failure, 3);
          await time.step();
          parked = Math.max(parked, story.parked.size);
        }
        if (!world.violation) await checkEnd(world);
        expect(world.violation, world.notes.join('\n')).toBeUndefined();
      }
      expect(parked).toBeGreaterThan(0);
    },
    60_000,
  );

  it('is described with every fault and every planted bug', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/simulation.md'), 'utf8');
    for (const name of Object.keys(faults)) expect(page).toContain(`\`${name}\``);
    for (const [name, { what }] of Object.entries(mutations)) expect(page).toContain(`| \`${name}\` | ${what} |`);
  });

  it.each(Object.entries(mutations))(
    'finds the planted bug %s',
    async (_name, mutation) => {
      let found: RunResult | undefined;
      for (let seed = 1; seed <= seedsMax && !found?.violation; seed++)
        found = await run({ seed, steps: stepsDefault, mutation });
      expect(found?.violation).toBeDefined();
    },
    searchMs,
  );
});
