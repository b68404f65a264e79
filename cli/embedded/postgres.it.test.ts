import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type EmbeddedPostgres, startPostgres } from './index.ts';
import { commandOf } from './server-process.ts';

let directory: string;
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'astra-postgres-'));
  chmodSync(directory, 0o711);
  cleanups.push(() => {
    const data = dataOf(directory);
    rmSync(directory, { recursive: true, force: true });
    rmSync(join(data, '..'), { recursive: true, force: true });
  });
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(port?: number): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dataDir: directory, ...(port === undefined ? {} : { port }) });
  cleanups.push(() => server.stop());
  return server;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

test('starts durable, on loopback, with a password, and keeps its data and its port over a restart', async () => {
  const first = await start();
  expect(await query(first.url, 'show fsync')).toEqual(['on']);
  expect(await query(first.url, 'show synchronous_commit')).toEqual(['on']);
  expect(await query(first.url, 'show full_page_writes')).toEqual(['on']);
  expect(await query(first.url, 'show listen_addresses')).toEqual(['127.0.0.1']);
  const other = new URL(first.url);
  other.password = 'wrong';
  await expect(query(other.href, 'select 1')).rejects.toThrow('password authentication failed');
  await query(first.url, 'create table kept as select 42 as answer');
  await first.stop();
  expect(await first.exited).toBe('ended with code 0');
  expect(commandOf(first.pid)).toBeUndefined();

  const second = await start();
  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'select answer from kept')).toEqual([42]);
});

test('keeps its secrets to its owner', async () => {
  await start();
  for (const file of ['password', 'log', 'port']) expect(statSync(join(directory, file)).mode & 0o077).toBe(0);
  expect(statSync(dataOf(directory)).mode & 0o077).toBe(0);
});

test('refuses a directory that another server of ours uses, and names its process', async () => {
  await start();
  await expect(startPostgres({ dataDir: directory })).rejects.toMatchObject({
    code: 'data_directory_in_use',
    message: expect.stringContaining(String(process.pid)),
  });
});

test('refuses a port that is taken, and starts once it is free', async () => {
  const blocker = await occupy();
  const { port } = blocker.address() as { port: number };
  await expect(startPostgres({ dataDir: directory, port })).rejects.toMatchObject({
    code: 'port_in_use',
    message: expect.stringContaining(`port ${port} on 127.0.0.1`),
  });
  await new Promise((resolve) => blocker.close(resolve));
  expect((await start(port)).port).toBe(port);
});

test('takes another port than the remembered one when that is taken and none was asked for', async () => {
  const first = await start();
  await first.stop();
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(first.port, '127.0.0.1', resolve));
  cleanups.push(() => blocker.close());
  const second = await start();
  expect(second.port).not.toBe(first.port);
  expect(await query(second.url, 'select 1')).toEqual([1]);
});

test('refuses the data of a newer PostgreSQL and leaves it alone', async () => {
  const server = await start();
  await server.stop();
  const version = join(dataOf(directory), 'PG_VERSION');
  writeFileSync(version, '19\n');
  await expect(startPostgres({ dataDir: directory })).rejects.toMatchObject({
    code: 'data_directory_newer',
    message: expect.stringMatching(/PostgreSQL 19.*brings PostgreSQL 18/),
  });
  expect(readFileSync(version, 'utf8')).toBe('19\n');
});

test('starts after a crash that left its pid file, whoever has that process id now', async () => {
  const first = await start();
  await query(first.url, 'create table kept as select 42 as answer');
  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toBe('ended by SIGKILL');
  const pidFile = join(dataOf(directory), 'postmaster.pid');
  writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.pid)));
  const second = await start();
  expect(await query(second.url, 'select answer from kept')).toEqual([42]);
});

test('ends when the process that started it is killed', async () => {
  const { pid } = await abandoned(0);
  await vi.waitUntil(() => commandOf(pid) === undefined, { timeout: 30_000, interval: 50 });
});

test('takes over from a server that a killed process left behind', async () => {
  const { pid, url } = await abandoned(3600_000);
  const server = await start();
  expect(commandOf(pid)).toBeUndefined();
  expect(server.url).toBe(url);
});

test('refuses data that a server started by somebody else uses, and names its process', async () => {
  const { pid } = await abandoned(3600_000);
  rmSync(join(directory, 'pid'));
  cleanups.push(() => process.kill(pid, 'SIGQUIT'));
  await expect(startPostgres({ dataDir: directory })).rejects.toMatchObject({
    code: 'data_directory_in_use',
    message: expect.stringContaining(`process ${pid}`),
  });
  expect(commandOf(pid)).toBeDefined();
});

test.runIf(process.getuid?.() === 0)('as root, moves out of a directory that only root may enter', async () => {
  chmodSync(directory, 0o700);
  const remarks: string[] = [];
  const server = await startPostgres({ dataDir: join(directory, 'inner'), log: (line) => remarks.push(line) });
  cleanups.push(() => rmSync(join(dataOf(join(directory, 'inner')), '..'), { recursive: true, force: true }));
  cleanups.push(() => server.stop());
  expect(await query(server.url, 'select 1')).toEqual([1]);
  expect(remarks.join()).toContain('cannot enter');
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  await server.stop();
  const again = await startPostgres({ dataDir: join(directory, 'inner') });
  cleanups.push(() => again.stop());
  expect(again.url).toBe(server.url);
});

function dataOf(place: string): string {
  const location = join(place, 'location');
  return join(existsSync(location) ? readFileSync(location, 'utf8').trim() : place, 'data');
}

async function occupy(): Promise<Server> {
  const blocker = createServer();
  cleanups.push(() => blocker.close());
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
  return blocker;
}

/** A server whose starter was killed, in the test's directory. */
async function abandoned(orphanGraceMs: number): Promise<{ pid: number; url: string }> {
  const script = `
    import { startPostgres } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    const { pid, url } = await startPostgres({ dataDir: ${JSON.stringify(directory)}, orphanGraceMs: ${orphanGraceMs} });
    process.stdout.write(JSON.stringify({ pid, url }) + '\\n');
    setInterval(() => undefined, 1000);`;
  const starter: ChildProcess = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    starter.stdout?.once('data', (chunk) => resolve(String(chunk)));
    starter.once('exit', (code) => reject(new Error(`the starter ended with code ${code}`)));
  });
  const gone = new Promise((resolve) => starter.once('exit', resolve));
  starter.kill('SIGKILL');
  await gone;
  return JSON.parse(line) as { pid: number; url: string };
}
