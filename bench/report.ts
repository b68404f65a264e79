import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metrics } from './harness.ts';
import { type Target, targets } from './targets.ts';

/** A result as `--out` saves it. */
interface Saved {
  readonly name: string;
  readonly ok: boolean;
  readonly metrics: Metrics;
  readonly floor: Metrics;
  readonly env: Readonly<Record<string, string | number>>;
  readonly plots: readonly string[];
}

/** The page of the results saved in a directory. Throws where a file there is no result. */
export function renderReport(directory: string, linkTo: string): string {
  const files = readdirSync(directory).sort();
  const saved = files
    .filter((file) => file.endsWith('.json'))
    .map((file): Saved => {
      const name = file.slice(0, -'.json'.length);
      const plots = files.filter((other) => other.endsWith('.svg') && other.startsWith(name));
      return {
        ...(JSON.parse(readFileSync(join(directory, file), 'utf8')) as Omit<Saved, 'name' | 'plots'>),
        name,
        plots,
      };
    });
  return `${[intro, ...saved.map((one) => section(one, linkTo))].join('\n\n')}\n`;
}

const intro = `<!-- Written by \`make bench ARGS=report\` from bench/results. Do not edit. -->

# Benchmarks

Measured with everything on one machine: PostgreSQL with fsync, NATS, kernel, gateway, worker and the load itself. Absolute figures move with the
machine, so each run measures a floor too: the least that the same work costs there. *must* and *goal* are what this project
holds itself to on two cores. \`make bench ARGS="NAME --out bench/results"\` measures again, \`make bench ARGS=report\` writes this page.`;

function section({ name, ok, metrics, floor, env, plots }: Saved, linkTo: string): string {
  const floors = new Map(flat(floor));
  const wanted = new Map((targets[name] ?? []).map((target) => [target.metric, target]));
  const rows = flat(metrics).map(([metric, value]) => {
    const target = wanted.get(metric);
    const bound = floors.get(metric);
    return `| ${metric} | ${mark(value, target)} | ${limit(target, target?.must)} | ${limit(target, target?.goal)} | ${bound === undefined ? '' : figure(bound)} |`;
  });
  const where = `${String(env['at']).slice(0, 10)}, ${env['cpus']} × ${env['cpu']}, ${env['memoryGiB']} GiB, ${env['platform']}, Node.js ${env['node']}, ${env['seconds']} s`;
  return [
    `## ${name}`,
    `${ok ? 'Nothing lost, doubled or out of order' : '**Not right: something was lost, doubled or out of order**'} · ${where}`,
    ['| figure | measured | must | goal | floor |', '| --- | ---: | ---: | ---: | ---: |', ...rows].join('\n'),
    ...plots.map((plot) => `![${plot}](${linkTo}/${plot})`),
  ].join('\n\n');
}

/** Nested figures as one list, their names joined with dots. */
const flat = (metrics: Metrics, before = ''): readonly (readonly [string, number])[] =>
  Object.entries(metrics).flatMap(([name, value]) =>
    typeof value === 'number' ? [[before + name, value] as const] : flat(value, `${before}${name}.`),
  );

const figure = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 3 });

/** Bold where it is what it has to be. */
function mark(value: number, target: Target | undefined): string {
  const bound = target?.must ?? target?.goal;
  if (!target || bound === undefined) return figure(value);
  const holds = target.better === 'more' ? value >= bound : value <= bound;
  return holds ? `**${figure(value)}**` : `${figure(value)} ✗`;
}

const limit = (target: Target | undefined, value: number | undefined): string =>
  !target || value === undefined ? '' : `${target.better === 'more' ? '≥' : '≤'} ${figure(value)}`;
