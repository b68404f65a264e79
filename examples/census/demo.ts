import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Background, startInBackground } from '../../cli/background.ts';
import { describeError } from '../../cli/describe-error.ts';
import { exitCode, exitCodeOf, usageError } from '../../cli/exit-code.ts';
import { followGoal } from '../../cli/follow.ts';
import { submit } from '../../cli/submit.ts';
import { processTerminal, type Terminal } from '../../cli/terminal.ts';
import { countEvents, verifyLog } from '../../cli/verify-log.ts';
import { bytes, duration } from '../../cli/view/duration.ts';
import { censusPlan } from './plan.ts';

/**
 * The main job, from end to end, on a real directory:
 *
 *   node examples/census/demo.ts [--input DIR] [--driver NAME]
 *
 * It starts an Astra of its own, submits the census as a goal, follows it, prints the report and what it took, verifies the
 * hash chain, and stops everything again.
 */
const repository = fileURLToPath(new URL('../../', import.meta.url));
const help = `Usage: node examples/census/demo.ts [--input DIR] [--driver NAME]

  --input DIR    the directory to measure (default: this repository)
  --driver NAME  the sandbox driver of the tasks (default: process: they get the rights of this user)
`;

interface Artifact {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

async function census(
  directory: string,
  astra: Background,
  home: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { client } = astra;
  const { databaseUrl } = astra.running();
  const before = await countEvents(databaseUrl);
  const plan = censusPlan(directory);
  const goal = {
    text: `Census of ${directory}`,
    plan: JSON.parse(JSON.stringify(plan)),
    labels: { example: 'census' },
  };
  const { goalId, position } = await submit(client, { agent: 'census', goal, taskCount: plan.tasks.length }, undefined);
  const show = terminal.interactive ? 'view' : 'lines';
  const followed = await followGoal({ client, goalId, after: position, show, terminal, signal });
  const { items } = await client.list('/v1/tasks', { goalId, limit: 500 });
  if (followed.goal.status !== 'completed') {
    terminal.err(`the goal ${followed.goal.status}: ${JSON.stringify(followed.goal.error ?? null)}\n`);
    for (const task of items) if (task['error']) terminal.err(`  ${task['key']}: ${JSON.stringify(task['error'])}\n`);
    return exitCode.failed;
  }

  const folder = join(home, 'census');
  mkdirSync(folder, { recursive: true });
  const artifacts = items.flatMap((task) => (task['artifacts'] ?? []) as unknown as readonly Artifact[]);
  const saved: string[] = [];
  for (const name of ['report.md', 'chart.svg']) {
    const artifact = artifacts.find((one) => one.name === name);
    if (!artifact)
      throw new Error(`expected an artifact ${name}, found ${artifacts.map((one) => one.name).join(', ')}`);
    const response = await client.raw('GET', `/v1/artifacts/${artifact.sha256}`);
    if (!response.ok) throw new Error(`expected artifact ${name}, the gateway answered ${response.status}`);
    const content = Buffer.from(await response.arrayBuffer());
    const path = join(folder, name);
    writeFileSync(path, content);
    if (name === 'report.md') terminal.out(`\n${content.toString('utf8')}`);
    saved.push(`  ${path}  ${bytes(artifact.size)}  ${terminal.paint.dim(`sha256 ${artifact.sha256}`)}\n`);
  }
  terminal.out(`\n${terminal.paint.bold('artifacts')}\n${saved.join('')}\n`);

  const verified = await verifyLog(databaseUrl);
  const { latencies } = (await client.get('/v1/stats')) as unknown as {
    readonly latencies: Readonly<Record<'scheduling' | 'pickup', { readonly p50: number; readonly p95: number }>>;
  };
  const spread = ({ p50, p95 }: { readonly p50: number; readonly p95: number }) =>
    `p50 ${duration(p50)}, p95 ${duration(p95)}`;
  terminal.out(`${plan.tasks.length} tasks, ${(await countEvents(databaseUrl)) - before} events\n`);
  terminal.out(
    `scheduling ${spread(latencies.scheduling)} (ready → queued), pickup ${spread(latencies.pickup)} (queued → started)\n`,
  );
  const mark = verified.flawed.length === 0 ? terminal.paint.green('✔') : terminal.paint.red('✘');
  for (const { flaw } of verified.flawed)
    terminal.err(`at ${flaw?.position}: expected ${flaw?.expected}, found ${flaw?.found}\n`);
  terminal.out(
    `${mark} hash chain ${verified.flawed.length === 0 ? 'verified' : 'BROKEN'}: ${verified.events} events in ${verified.shards} shards\n`,
  );
  return verified.flawed.length === 0 ? exitCode.completed : exitCode.failed;
}

/** The demo's own data directory; a temporary one when that is in use or cannot be written. */
async function startAstra(
  driver: string,
  signal: AbortSignal,
): Promise<{ astra: Background; home: string; temporary: boolean }> {
  const start = (home: string) =>
    startInBackground({ dataDir: join(home, 'data'), logFile: join(home, 'up.log'), args: ['--allow-driver', driver] });
  const home = join(repository, '.astra', 'demo');
  try {
    return { astra: await start(home), home, temporary: false };
  } catch (error) {
    const unusable = /data_directory_(in_use|unusable)|EACCES|EROFS|EPERM/.test((error as Error).message);
    if (!unusable || signal.aborted) throw error;
    const other = mkdtempSync(join(tmpdir(), 'astra-demo-'));
    return { astra: await start(other), home: other, temporary: true };
  }
}

async function main(terminal: Terminal): Promise<number> {
  const options = parseOptions();
  if (options.help) {
    terminal.out(help);
    return exitCode.completed;
  }
  const directory = resolve(options.input ?? repository);
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (!stat?.isDirectory())
    throw usageError(
      'directory_missing',
      `${directory} is ${stat ? 'not a directory' : 'not there'}: give one with --input DIR.`,
    );

  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const began = performance.now();
  terminal.out('starting Astra: Postgres, NATS, kernel, gateway, worker … ');
  const { astra, home, temporary } = await startAstra(options.driver ?? 'process', stopping.signal);
  terminal.out(`${duration(performance.now() - began)}\n\n`);
  try {
    return await census(directory, astra, home, terminal, stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return exitCode.interrupted;
    throw error;
  } finally {
    await astra.stop();
    if (temporary) rmSync(join(home, 'data'), { recursive: true, force: true });
  }
}

function parseOptions() {
  try {
    const { values } = parseArgs({
      options: { input: { type: 'string' }, driver: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    return values;
  } catch (cause) {
    throw usageError('option_unknown', `${(cause as Error).message}\n${help}`, cause);
  }
}

const terminal = processTerminal();
try {
  process.exitCode = await main(terminal);
} catch (error) {
  terminal.err(`demo: ${describeError(error, terminal.debug)}\n`);
  process.exitCode = exitCodeOf(error);
}
