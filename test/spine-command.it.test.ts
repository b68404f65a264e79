import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pidIn } from '../cli/embedded/server-process.ts';
import { AstraUnderTest, makePlace } from './astra-under-test.ts';

/** The command as people use it: a plan runs, its end is the exit code, and what was started is stopped again. */
const repository = fileURLToPath(new URL('../', import.meta.url));

let place: string;
let astra: AstraUnderTest;

beforeAll(async () => {
  place = makePlace();
  astra = await AstraUnderTest.start([]);
});

afterAll(async () => {
  await astra?.stop();
  rmSync(place, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program of this repository as a child without any setting of Astra but these. */
function run(program: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(repository, program), ...args], {
      cwd: place,
      env: { PATH: process.env['PATH'], HOME: place, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (out += part));
    child.stderr.setEncoding('utf8').on('data', (part) => (err += part));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const command = (...args: string[]) => run('cli/main.ts', [...args, '--data-dir', astra.dataDir]);

test('a plan from a file runs with its inputs, and its result is one JSON document on stdout', async () => {
  const plan = join(repository, 'examples', 'greeting.yaml');
  const { code, out, err } = await command('run', plan, '--input', 'name=World', '--json');
  expect(code, err).toBe(0);
  expect(err).toBe('');
  expect(JSON.parse(out)).toMatchObject({
    goal: {
      status: 'completed',
      text: 'greet World',
      result: { shout: ['HELLO, WORLD!', 'HELLO, HELLO, WORLD!', 'HELLO, HELLO, HELLO, WORLD!'] },
    },
    tasks: expect.arrayContaining([expect.objectContaining({ key: 'words', status: 'completed' })]),
  });
});

test('a goal that fails ends the command with 1, a plan that is refused with 2', async () => {
  const fails = join(place, 'fails.yaml');
  writeFileSync(
    fails,
    `tasks: [{ key: bad, type: js, maxAttempts: 1, input: { code: '() => { throw Error("no") }' } }]`,
  );
  const failed = await command('run', fails, '--json');
  expect(failed.code, failed.err).toBe(1);
  expect(JSON.parse(failed.out)).toMatchObject({
    goal: { status: 'failed' },
    tasks: [{ key: 'bad', status: 'dead_letter', error: { code: 'function_threw' } }],
  });

  const cyclic = join(place, 'cyclic.yaml');
  const task = (key: string, on: string) => `{ key: ${key}, type: noop, dependsOn: [${on}] }`;
  writeFileSync(cyclic, `tasks: [${task('ping', 'pong')}, ${task('pong', 'ping')}]`);
  const refused = await command('run', cyclic);
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('[plan_invalid]');
  expect(refused.err).toMatch(/ping → pong → ping|pong → ping → pong/);
});

test('the demo measures a directory and prints its report, where that is, what it took, and that the log is whole', async () => {
  const measured = join(place, 'measured');
  mkdirSync(join(measured, 'deep'), { recursive: true });
  writeFileSync(join(measured, 'one.ts'), 'export const one = 1;\n'.repeat(11));
  writeFileSync(join(measured, 'deep', 'two.md'), '# two\n');
  const { code, out, err } = await run('examples/census/demo.ts', ['--input', measured]);
  expect(code, err + out).toBe(0);
  expect(out).toMatch(/12 tasks, \d+ events/);
  expect(out).toMatch(/scheduling p50 .+, p95 .+/);
  expect(out).toMatch(/hash chain verified: \d+ events in 64 shards/);
  const paths = ['report.md', 'chart.svg'].map((name) => new RegExp(`(/\\S+/${name})`).exec(out)?.[1] ?? name);
  for (const path of paths) expect(existsSync(path), path).toBe(true);
  expect(out).toContain(readFileSync(paths[0] as string, 'utf8').trim());
  expect(out).toContain('TypeScript');
}, 120_000);

/** The command lines of every process. */
function commandLines(): string[] {
  const lines: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      lines.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
    } catch {
      // It has ended since.
    }
  return lines;
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

// The last one: what all of these use is gone behind it.
test('a SIGTERM stops everything that up started, in good order, and leaves no process behind', async () => {
  const { dataDir, running } = astra;
  const servers = ['postgres', 'nats'].map((name) => pidIn(join(dataDir, name, 'pid')) as number);
  const pids = [running.pid, ...Object.values(running.roles), ...servers];
  expect(pids).toHaveLength(6);
  expect(pids.filter(alive)).toEqual(pids);
  process.kill(running.pid, 'SIGTERM');
  expect(await astra.stop()).toBe(0);
  expect(pids.filter(alive)).toEqual([]);
  if (process.platform === 'linux') expect(commandLines().filter((line) => line.includes(dataDir))).toEqual([]);
});
