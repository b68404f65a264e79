import { parseArgs } from 'node:util';
import { mutations } from './mutations.ts';
import { type RunResult, stepsDefault } from './run.ts';
import { runSeeds } from './seeds.ts';

/** `make sim` (docs/simulation.md). */

const usage = `usage: make sim ARGS="[--seeds N] [--from SEED] [--steps M] [--mutate NAME] [--json]"

  --seeds N      how many runs (300)
  --from SEED    seed of the first one (1)
  --steps M      steps of a run before everything comes to its end (${stepsDefault})
  --mutate NAME  plants a bug, and ends with the first run that finds it
  --json         closes with one line of JSON

bugs:
${Object.entries(mutations)
  .map(([name, { what }]) => `  ${name.padEnd(28)} ${what}`)
  .join('\n')}
`;

/** Violations that are shown whole; of more only the number is told. */
const shownMax = 5;

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '300' },
      from: { type: 'string', default: '1' },
      steps: { type: 'string', default: String(stepsDefault) },
      mutate: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const whole = (name: 'seeds' | 'from' | 'steps'): number => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 1)
      throw new Error(`--${name}: expected a whole number, found ${values[name]}`);
    return value;
  };
  const { mutate, json, help } = values;
  if (mutate !== undefined && !Object.hasOwn(mutations, mutate)) throw new Error(`--mutate: there is no bug ${mutate}`);
  return { seeds: whole('seeds'), from: whole('from'), steps: whole('steps'), mutate, json, help };
}

function show({ seed, violation, notes }: RunResult, { steps, mutate }: ReturnType<typeof optionsOf>): void {
  const more = `${steps === stepsDefault ? '' : ` --steps ${steps}`}${mutate === undefined ? '' : ` --mutate ${mutate}`}`;
  console.log(`seed ${seed} violates ${violation?.invariant}: ${violation?.detail}\n\nthe last steps:`);
  for (const note of notes) console.log(`  ${note}`);
  console.log(`\nrepeat it: make sim ARGS="--seeds 1 --from ${seed}${more}"\n`);
}

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2));
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const { seeds, from, steps, mutate, json } = options;
  const begun = performance.now();
  const sums = { seeds: 0, steps: 0, violations: 0, faults: 0 };
  let last: RunResult | undefined;
  await runSeeds({
    seeds,
    from,
    steps,
    mutate,
    isEnough: () => mutate !== undefined && sums.violations > 0,
    onResult(result) {
      last = result;
      sums.seeds++;
      sums.steps += result.steps;
      sums.faults += result.faults;
      if (result.violation && ++sums.violations <= shownMax) show(result, options);
      if (process.stdout.isTTY)
        process.stdout.write(`\r${sums.seeds} of ${seeds} seeds, ${sums.violations} violations `);
    },
  });
  if (process.stdout.isTTY) process.stdout.write('\r');
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(
    `${sums.seeds} seeds from ${from}, ${sums.steps} steps, ${sums.faults} faults, ${sums.violations} violations in ${seconds} s`,
  );
  if (seeds === 1 && last) console.log(`hash ${last.hash}`);
  const ok = sums.violations === 0;
  if (json) console.log(JSON.stringify({ ok, metrics: sums }));
  return ok ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  process.exitCode = 2;
}
