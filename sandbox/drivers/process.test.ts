import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SystemClock } from '../../kernel/clock.ts';
import { SystemRandom } from '../../kernel/random.ts';
import { driverContract, runJob } from '../driver.contract.ts';
import type { Driver, Program } from '../driver.ts';
import { processDriver } from './process.ts';

const directory = mkdtempSync(join(tmpdir(), 'astra-process-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let roots = 0;
const make = (root = join(directory, `root-${++roots}`)): Driver =>
  processDriver({ allowed: ['process'], root, clock: new SystemClock(), random: new SystemRandom() });

const sh = (script: string, more: Partial<Extract<Program, { kind: 'command' }>> = {}): Program => ({
  kind: 'command',
  argv: ['/bin/sh', '-c', script],
  env: {},
  stdin: Buffer.alloc(0),
  files: [],
  ...more,
});

driverContract('process', {
  open: async () => make(),
  programs: {
    speak: (stdout, stderr) => sh('printf %s "$OUT"; printf %s "$ERR" >&2', { env: { OUT: stdout, ERR: stderr } }),
    spin: () => sh('echo ready; while :; do :; done'),
    flood: () => sh('while :; do echo 0123456789012345678901234567890123456789; done'),
    fail: () => sh('exit 3'),
  },
});

/** Whether a process exists (and is no zombie that nobody has waited for yet). */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const gone = (pid: number) => expect.poll(() => alive(pid), { timeout: 10_000, interval: 10 }).toBe(false);

describe('process driver', () => {
  test('refuses to be made unless the configuration names it', () => {
    const options = { root: directory, clock: new SystemClock(), random: new SystemRandom() };
    expect(() => processDriver({ ...options, allowed: ['thread'] })).toThrow(
      expect.objectContaining({ code: 'driver_not_allowed' }),
    );
  });

  test('gives a job none of the environment of the worker', async () => {
    process.env['ASTRA_TEST_SECRET'] = 'do not tell';
    try {
      const driver = make();
      const { text } = await runJob(driver, sh('env', { env: { GIVEN: 'yes' } }));
      const names = text('stdout')
        .split('\n')
        .map((line) => line.split('=')[0])
        .filter(Boolean)
        .sort();
      expect(names).toContain('GIVEN');
      expect(text('stdout')).not.toContain('do not tell');
      const known = [
        'ASTRA_INPUT',
        'ASTRA_MESSAGES',
        'ASTRA_OUTPUT',
        'ASTRA_RESULT',
        'ASTRA_SANDBOX',
        'GIVEN',
        'HOME',
        'LANG',
        'PATH',
        'TMPDIR',
      ];
      const ownOfShell = ['PWD', 'OLDPWD', 'SHLVL', '_'];
      expect(names.filter((name) => !known.includes(name as string) && !ownOfShell.includes(name as string))).toEqual(
        [],
      );
      await driver.close();
    } finally {
      delete process.env['ASTRA_TEST_SECRET'];
    }
  });

  test('kills a whole group that ignores SIGTERM when its time is up', async () => {
    const driver = make();
    const { outcome, text } = await runJob(
      driver,
      sh(`trap '' TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & while :; do sleep 1; done`),
      { timeoutMs: 500 },
    );
    expect(outcome.reason).toBe('timeout');
    await gone(Number(text('stdout').trim()));
    await driver.close();
  });

  test('leaves nothing of a job that ended by itself with children in its group', async () => {
    const driver = make();
    const { outcome, text } = await runJob(driver, sh('sleep 1000 & echo $!'));
    expect(outcome.reason).toBe('exit');
    await gone(Number(text('stdout').trim()));
    await driver.close();
  });

  test.skipIf(process.platform !== 'linux')('finds a daemon that left the group, by its environment', async () => {
    const driver = make();
    const { text } = await runJob(
      driver,
      sh(
        `setsid sh -c 'trap "" TERM HUP; echo $$; : > started; exec sleep 1000' & while [ ! -e started ]; do sleep 0.01; done`,
      ),
    );
    const pid = Number(text('stdout').trim());
    expect(pid).toBeGreaterThan(1);
    await gone(pid);
    await driver.close();
  });

  test.skipIf(process.platform !== 'linux')('ends and removes what an earlier life of the worker left', async () => {
    const root = join(directory, 'crashed');
    const first = make(root);
    let pid = 0;
    // Abandoned like by a crash: never closed, and its work directory still there.
    const abandoned = runJob(first, sh('echo $$; exec sleep 1000'), {}, (text) => {
      pid = Number(text.trim());
    });
    await expect.poll(() => pid, { timeout: 10_000 }).toBeGreaterThan(1);
    writeFileSync(join(root, 'not-ours.txt'), 'stays');
    const second = make(root);
    const { outcome } = await runJob(second, sh('exit 0'));
    expect(outcome.exitCode).toBe(0);
    await gone(pid);
    expect((await abandoned).outcome.signal).toBe('SIGKILL');
    expect(readdirSync(root)).toEqual(['not-ours.txt']);
    await second.close();
  });

  test('says like a shell that a program is missing, or is none', async () => {
    const driver = make();
    const missing = await runJob(driver, sh('', { argv: ['no-such-program-here'] }));
    expect(missing.outcome).toMatchObject({ reason: 'exit', exitCode: 127 });
    expect(missing.text('stderr')).toContain('ENOENT');
    const plain = await runJob(driver, sh('', { argv: ['./data'], files: [{ path: 'data', data: Buffer.from('x') }] }));
    expect(plain.outcome).toMatchObject({ reason: 'exit', exitCode: 126 });
    const long = await runJob(driver, sh('', { argv: ['/bin/echo', 'x'.repeat(10_000_000)] }));
    expect(long.outcome).toMatchObject({ reason: 'exit', exitCode: 126 });
    expect(long.text('stderr')).toContain('E2BIG');
    await driver.close();
  });

  test('names the signal that ended a job', async () => {
    const driver = make();
    const { outcome } = await runJob(driver, sh('kill -SEGV $$'));
    expect(outcome).toMatchObject({ reason: 'exit', signal: 'SIGSEGV' });
    await driver.close();
  });

  test('gives files and stdin, shows what was left, and removes the work directory, even one that was closed', async () => {
    const root = join(directory, 'files');
    const driver = make(root);
    const program = sh(
      'cat a/b.txt - > out/both.txt; echo 1 > result.json; ln -s /etc/passwd out/link; mkdir -p out/deep/er; : > out/deep/er/empty; mkdir locked; touch locked/x; chmod 0 locked',
      {
        files: [{ path: 'a/b.txt', data: Buffer.from('file ') }],
        stdin: Buffer.from('and stdin'),
      },
    );
    const outcome = await driver.run({
      name: 'gl_x.t:1',
      program,
      timeoutMs: 60_000,
      limits: {},
      signal: new AbortController().signal,
      onOutput: () => undefined,
    });
    const found: Record<string, string> = {};
    for await (const file of outcome.files?.() ?? []) {
      const chunks: Uint8Array[] = [];
      if (file.kind === 'file') for await (const chunk of file.open()) chunks.push(chunk);
      else
        await expect(
          (async () => {
            for await (const _ of file.open());
          })(),
        ).rejects.toThrow();
      found[file.path] = file.kind === 'file' ? Buffer.concat(chunks).toString() : file.kind;
    }
    expect(found).toEqual({
      'result.json': '1\n',
      'out/both.txt': 'file and stdin',
      'out/link': 'link',
      'out/deep/er/empty': '',
    });
    await outcome.dispose();
    expect(readdirSync(root)).toEqual([]);
    await driver.close();
  });

  test('refuses files that would lie outside the work directory', async () => {
    const root = join(directory, 'escape');
    const driver = make(root);
    for (const path of ['../evil', '/etc/evil', 'a/../../evil', '', 'a//b'])
      await expect(runJob(driver, sh('exit 0', { files: [{ path, data: Buffer.from('x') }] }))).rejects.toThrow(
        expect.objectContaining({ code: 'path_escapes' }),
      );
    expect(readdirSync(root)).toEqual([]);
    await driver.close();
  });

  test('a job need not read its input', async () => {
    const driver = make();
    const { outcome } = await runJob(driver, sh('exit 0', { stdin: Buffer.alloc(4 * 1024 * 1024, 120) }));
    expect(outcome).toMatchObject({ reason: 'exit', exitCode: 0 });
    await driver.close();
  });

  test('closing ends what runs', async () => {
    const driver = make();
    let ready = () => undefined as void;
    const spoke = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const running = runJob(driver, sh('echo ready; while :; do :; done'), {}, () => ready());
    await spoke;
    await driver.close();
    expect((await running).outcome.reason).toBe('lost');
  });
});
