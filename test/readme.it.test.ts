import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Background, startInBackground } from '../cli/background.ts';
import { makePlace, removePlace } from './astra-under-test.ts';

/** The README proves itself: its commands run here, as they stand there, against a real `astra up`. */
const repository = fileURLToPath(new URL('../', import.meta.url));
const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] as string);

let place: string;
let astra: Background;

beforeAll(async () => {
  // A directory that looks like the repository to the README's relative paths, with a data directory of its own.
  place = makePlace();
  mkdirSync(join(place, 'bin'));
  symlinkSync(join(repository, 'bin', 'astra'), join(place, 'bin', 'astra'));
  symlinkSync(join(repository, 'examples'), join(place, 'examples'));
  astra = await startInBackground({ dataDir: join(place, '.astra'), logFile: join(place, 'up.log') });
});

afterAll(async () => {
  await astra?.stop();
  removePlace(place, join(place, '.astra', 'postgres'));
});

function shell(script: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-eu', '-o', 'pipefail', '-c', script], {
      cwd: place,
      env: { PATH: process.env['PATH'], HOME: place, ASTRA_URL: astra.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part) => (output += part));
    child.on('close', (code) => resolve({ code, output }));
  });
}

test('the README has commands to run', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(2);
});

test.each(blocks.map((block, index) => [index + 1, block] as const))('block %i runs as it stands', async (_, block) => {
  const { code, output } = await shell(block);
  expect(code, output).toBe(0);
});

test('what the curl lines show is true: one goal of ten tasks, with the right sum', async () => {
  const { items } = await astra.client.list('/v1/goals', { limit: 500 });
  const sums = items.filter((goal) => goal['text'] === 'the sum of eight squares');
  expect(sums).toHaveLength(1);
  expect(sums[0]).toMatchObject({ status: 'completed', result: { sum: 204 }, counts: { completed: 10 } });
});

test('every file that the guarantees name exists', () => {
  const named = [...readme.matchAll(/\| `([\w./-]+\.m?ts)` \|$/gm)].map((match) => match[1] as string);
  expect(named.length).toBeGreaterThanOrEqual(10);
  expect(named.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
});
