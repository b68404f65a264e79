import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Bench, type BenchArguments, runBench } from './harness.ts';
import { renderReport } from './report.ts';

/** `make bench ARGS="<name> [--seconds N] [--out DIR] [--profile] [flags]"` (figures and method: bench/). */
const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  append: async () => (await import('./append.ts')).append,
  tasks: async () => (await import('./tasks.ts')).tasks,
  recover: async () => (await import('./recover.ts')).recover,
  timers: async () => (await import('./timers.ts')).timers,
};

const [name, ...rest] = process.argv.slice(2);
const load = name === undefined ? undefined : benches[name];
if (name === 'report') report();
else if (load === undefined) {
  process.stderr.write(`${name === undefined ? 'Which benchmark?' : `There is no benchmark ${name}.`}\n`);
  for (const [each, get] of Object.entries(benches))
    process.stderr.write(`  ${each.padEnd(10)} ${(await get()).about}\n`);
  process.stderr.write(`  ${'report'.padEnd(10)} docs/benchmarks.md, from what --out bench/results has saved\n`);
  process.exitCode = 2;
} else {
  const args = parse(rest);
  if (typeof args === 'string') {
    process.stderr.write(`${args}\n`);
    process.exitCode = 2;
  } else process.exitCode = (await runBench(name as string, await load(), args)) ? 0 : 1;
}

function report(): void {
  const directory = fileURLToPath(new URL('results', import.meta.url));
  if (!existsSync(directory)) {
    process.stderr.write('There are no results yet: run a benchmark with --out bench/results first.\n');
    process.exitCode = 2;
    return;
  }
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), renderReport(directory, '../bench/results'));
  process.stdout.write('docs/benchmarks.md\n');
}

/** `--key value`, `--key=value` or `--key`; what is wrong, as text. */
function parse(words: readonly string[]): BenchArguments | string {
  const flags = new Map<string, string | true>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const match = /^--([a-z][a-z-]*)(?:=(.*))?$/.exec(word);
    if (!match) return `expected a flag, found ${word}`;
    const next = words[i + 1];
    if (match[2] !== undefined) flags.set(match[1] as string, match[2]);
    else if (next !== undefined && !next.startsWith('--')) {
      flags.set(match[1] as string, next);
      i++;
    } else flags.set(match[1] as string, true);
  }
  const seconds = flags.get('seconds');
  if (seconds !== undefined && !(Number(seconds) > 0)) return `expected --seconds with a number, found ${seconds}`;
  const out = flags.get('out');
  if (out === true) return 'expected --out with a directory';
  const profile = flags.has('profile');
  for (const common of ['seconds', 'out', 'profile']) flags.delete(common);
  return { seconds: seconds === undefined ? undefined : Number(seconds), out, profile, flags };
}
