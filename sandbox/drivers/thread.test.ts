import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SystemClock } from '../../kernel/clock.ts';
import { driverContract, runJob } from '../driver.contract.ts';
import type { Driver, Program } from '../driver.ts';
import { threadDriver } from './thread.ts';

const code = (text: string, ...args: readonly (string | number | null)[]): Program => ({
  kind: 'function',
  source: { code: text },
  args,
});

driverContract('thread', {
  open: async () => threadDriver({ threads: 2, clock: new SystemClock() }),
  programs: {
    speak: (stdout, stderr) =>
      code('(out, err) => { console.log(out); console.error(err) }', stdout.trimEnd(), stderr.trimEnd()),
    spin: () => code('() => { console.log("ready"); for (;;); }'),
    flood: () => code('() => { for (;;) console.log("0123456789".repeat(10)) }'),
    fail: () => code('() => { throw new RangeError("no") }'),
  },
});

describe('thread driver', () => {
  const directory = mkdtempSync(join(tmpdir(), 'astra-thread-'));
  const allowed = join(directory, 'allowed');
  mkdirSync(allowed);
  writeFileSync(
    join(allowed, 'add.mjs'),
    'export default (a, b) => a + b;\nexport const twice = (a) => { console.log("twice"); return a * 2 };\n',
  );
  writeFileSync(join(directory, 'outside.mjs'), 'export default () => "outside";\n');
  symlinkSync(join(directory, 'outside.mjs'), join(allowed, 'link.mjs'));
  let driver: Driver;
  beforeAll(() => {
    driver = threadDriver({ threads: 2, modules: [allowed], clock: new SystemClock() });
  });
  afterAll(async () => {
    await driver.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const value = async (program: Program, options = {}) => (await runJob(driver, program, options)).outcome;
  const module = (name: string, of = 'default', ...args: readonly number[]): Program => ({
    kind: 'function',
    source: { module: name, name: of },
    args,
  });

  test('returns what a function returns, also later, as JSON', async () => {
    expect(await value(code('(a, b) => a + b', 1, 2))).toMatchObject({ reason: 'exit', value: 3 });
    expect(
      await value(code('async (a) => { await new Promise((done) => setTimeout(done, 5)); return { a } }', 'x')),
    ).toMatchObject({
      value: { a: 'x' },
    });
    expect((await value(code('() => undefined'))).value).toBeUndefined();
    expect((await value(code('() => null'))).value).toBeNull();
  });

  test('names what a function threw', async () => {
    expect(await value(code('() => { throw new RangeError("too far") }'))).toMatchObject({
      reason: 'exit',
      error: { name: 'RangeError', message: 'too far' },
    });
    expect((await value(code('() => { throw "text" }'))).error).toEqual({ name: 'Thrown', message: 'text' });
    expect((await value(code('not javascript ('))).error?.name).toBe('SyntaxError');
    expect((await value(code('42'))).error?.message).toContain('function expression');
    expect((await value(code('() => 10n'))).error?.name).toBe('TypeError');
  });

  test('an error in a callback ends the job and not the driver', async () => {
    const outcome = await value(code('() => new Promise(() => setTimeout(() => { throw new Error("later") }, 1))'));
    expect(outcome).toMatchObject({ reason: 'exit', error: { message: 'later' } });
    expect(await value(code('() => 1'))).toMatchObject({ value: 1 });
  });

  test('ends a function that takes more heap than it may', async () => {
    const bomb = code('() => { const all = []; for (;;) all.push({ text: "x".repeat(10) + all.length }) }');
    expect((await value(bomb, { limits: { memoryBytes: 32 * 1024 * 1024 } })).reason).toBe('oom');
    expect(await value(code('() => "well"'), { limits: { memoryBytes: 32 * 1024 * 1024 } })).toMatchObject({
      value: 'well',
    });
  });

  test('a function finds no globals of the one before, and none of its timers tick on', async () => {
    const one = threadDriver({ threads: 1, clock: new SystemClock() });
    await runJob(one, code('() => { globalThis.leak = 1; setInterval(() => console.log("tick"), 1) }'));
    const { outcome, text } = await runJob(
      one,
      code('async () => { await new Promise((done) => setTimeout(done, 30)); return typeof leak }'),
    );
    expect(outcome.value).toBe('undefined');
    expect(text('stdout')).toBe('');
    await one.close();
  });

  test('a function finds neither the environment nor the means to load more', async () => {
    expect((await value(code('() => [typeof process, typeof require, typeof fetch].join()'))).value).toBe(
      'undefined,undefined,undefined',
    );
    expect((await value(code('() => import("node:fs")'))).reason).toBe('exit');
    expect((await value(code('() => import("node:fs")'))).error).toBeDefined();
    expect((await value(code('() => eval("1")'))).error?.name).toBe('EvalError');
  });

  test('a result beyond the bound is refused, not carried', async () => {
    expect((await value(code('() => "x".repeat(3_000_000)'))).error?.name).toBe('ResultTooLarge');
  });

  test('runs modules of allowed directories only, by their real path', async () => {
    expect(await value(module(join(allowed, 'add.mjs'), 'default', 1, 2))).toMatchObject({ value: 3 });
    const twice = await runJob(driver, module(join(allowed, 'add.mjs'), 'twice', 4));
    expect(twice.outcome.value).toBe(8);
    expect(twice.text('stdout')).toBe('twice\n');
    expect((await value(module(join(allowed, 'add.mjs'), 'missing'))).error?.message).toContain('missing');
    for (const path of [
      join(directory, 'outside.mjs'),
      join(allowed, 'link.mjs'),
      join(allowed, '../outside.mjs'),
      'add.mjs',
      join(allowed, 'no.mjs'),
    ])
      expect((await value(module(path))).error?.name).toBe('ModuleNotAllowed');
  });
});
