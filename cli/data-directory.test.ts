import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  checkVersion,
  dataPaths,
  holderOf,
  lock,
  prepare,
  readableByOthers,
  running,
  writePrivate,
  writeRunning,
} from './data-directory.ts';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'astra-data-')), 'data');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

const state = {
  pid: process.pid,
  url: 'http://127.0.0.1:1',
  databaseUrl: 'postgres://x',
  natsUrl: 'nats://x',
  embedded: { postgres: true, nats: true },
  roles: { kernel: 1 },
};

test('a directory is made, stamped, and passes its own check again', () => {
  prepare(directory, '1.2.3');
  expect(JSON.parse(readFileSync(dataPaths(directory).version, 'utf8'))).toEqual({ layout: 1, astra: '1.2.3' });
  checkVersion(directory);
  prepare(directory, '1.2.4');
  expect(statSync(directory).mode & 0o777).toBe(0o711);
});

test('a missing directory is fine, and stays missing', () => {
  checkVersion(directory);
  expect(existsSync(directory)).toBe(false);
  expect(running(directory)).toBeUndefined();
});

test('one process holds it at a time', () => {
  prepare(directory, '1');
  const unlock = lock(directory);
  expect(holderOf(directory)).toBe(process.pid);
  expect(() => lock(directory)).toThrow(expect.objectContaining({ code: 'data_directory_in_use' }));
  unlock();
  expect(holderOf(directory)).toBeUndefined();
  lock(directory)();
  expect(readdirSync(directory)).toEqual(['version']);
});

test('a lock whose process is gone, or is another one by now, is taken over', () => {
  prepare(directory, '1');
  const path = dataPaths(directory).lock;
  for (const stale of ['4194305 123\n', `${process.pid} 1\n`, 'nonsense\n', '']) {
    writeFileSync(path, stale);
    // Without /proc the start of a process is not known, and its id alone has to do.
    if (stale.startsWith(`${process.pid} `) && !existsSync('/proc/self/stat')) continue;
    const unlock = lock(directory);
    expect(holderOf(directory)).toBe(process.pid);
    unlock();
  }
});

test('an unlock after a take-over leaves the new lock alone', () => {
  prepare(directory, '1');
  const unlock = lock(directory);
  writeFileSync(dataPaths(directory).lock, '1 -\n');
  unlock();
  expect(readFileSync(dataPaths(directory).lock, 'utf8')).toBe('1 -\n');
});

test('what runs is known only while its process lives', () => {
  prepare(directory, '1');
  writeRunning(directory, state);
  expect(running(directory)).toBeUndefined();
  const unlock = lock(directory);
  expect(running(directory)).toEqual(state);
  unlock();
});

test('secrets are for their owner alone', () => {
  prepare(directory, '1');
  const path = dataPaths(directory).apiKey;
  writePrivate(path, 'x');
  expect(readableByOthers(path)).toBe(false);
  writeRunning(directory, state);
  expect(readableByOthers(dataPaths(directory).running)).toBe(false);
});
