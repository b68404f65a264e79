import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedNats, type NatsUser, startNats } from './index.ts';
import { commandOf } from './server-process.ts';

let directory: string;
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'astra-nats-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const maxPayloadBytes = 8 * 1024 * 1024;
const everything = { publish: { allow: ['>'] }, subscribe: { allow: ['>'] } };
const admin: NatsUser = { user: 'admin', password: 'pa"ss \\ $word {}', permissions: everything };
const reader: NatsUser = {
  user: 'reader',
  password: 'r',
  permissions: { publish: { deny: ['>'] }, subscribe: { allow: ['open.>'] } },
};

async function start(options: { port?: number; users?: readonly NatsUser[] } = {}): Promise<EmbeddedNats> {
  const server = await startNats({ dataDir: directory, users: [admin, reader], maxPayloadBytes, ...options });
  cleanups.push(() => server.stop());
  return server;
}

async function client(server: EmbeddedNats, { user, password }: NatsUser): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url, user, pass: password, reconnect: false });
  cleanups.push(() => connection.close());
  return connection;
}

test('starts with JetStream and large messages, and keeps its streams and its port over a restart', async () => {
  const first = await start();
  const before = await client(first, admin);
  expect(before.info?.max_payload).toBe(maxPayloadBytes);
  await (await jetstreamManager(before)).streams.add({ name: 'KEPT', subjects: ['kept'] });
  await jetstream(before).publish('kept', new Uint8Array(2 * 1024 * 1024));
  await before.close();
  await first.stop();
  expect(commandOf(first.pid)).toBeUndefined();

  const second = await start();
  expect(second.url).toBe(first.url);
  const after = await jetstreamManager(await client(second, admin));
  expect((await after.streams.info('KEPT')).state.messages).toBe(1);
});

test('holds each user to its password and its subjects', async () => {
  const server = await start();
  await expect(client(server, { ...admin, password: 'wrong' })).rejects.toThrow(/authorization/i);
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/authorization/i);
  const connection = await client(server, reader);
  const refused = await new Promise<Error | undefined>((resolve) => {
    connection.subscribe('closed.a', { callback: (error) => resolve(error ?? undefined) });
  });
  expect(refused?.message).toMatch(/permissions violation/i);
});

test('replaces its users while it runs', async () => {
  const server = await start();
  const late: NatsUser = { user: 'late', password: 'x', permissions: everything };
  await expect(client(server, late)).rejects.toThrow(/authorization/i);
  await server.reload([admin, late]);
  await client(server, late);
  await expect(client(server, reader)).rejects.toThrow(/authorization/i);
});

test('says so when users cannot be taken, and goes on with those it has', async () => {
  const server = await start();
  const impossible: NatsUser = { ...reader, permissions: { publish: { allow: ['not a subject'] }, subscribe: {} } };
  await expect(server.reload([impossible])).rejects.toMatchObject({ code: 'nats_users_refused' });
  await client(server, admin);
});

test('keeps passwords to their owner', async () => {
  await start();
  for (const file of ['nats.conf', 'log']) expect(statSync(join(directory, file)).mode & 0o077).toBe(0);
});

test('refuses a port that is taken', async () => {
  const blocker = createServer();
  cleanups.push(() => blocker.close());
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
  const { port } = blocker.address() as { port: number };
  await expect(start({ port })).rejects.toMatchObject({
    code: 'port_in_use',
    message: expect.stringContaining(`port ${port} on 127.0.0.1`),
  });
});

test('refuses a directory that another server of ours uses, and names its process', async () => {
  await start();
  await expect(start()).rejects.toMatchObject({
    code: 'data_directory_in_use',
    message: expect.stringContaining(String(process.pid)),
  });
});

test('says what the server said when it cannot start', async () => {
  const impossible: NatsUser = { ...reader, permissions: { publish: { allow: ['not a subject'] }, subscribe: {} } };
  await expect(start({ users: [impossible] })).rejects.toMatchObject({
    code: 'server_not_started',
    message: expect.stringContaining('not a valid subject'),
  });
});
