import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { migrate, openPostgresStore, type PostgresStore, parseApiKey } from '../kernel/postgres/index.ts';
import { makeDatabase, type TestDatabase } from '../kernel/testing/database.ts';
import { ensureFirstKey } from './first-key.ts';

let database: TestDatabase;
let store: PostgresStore;
let file: string;

beforeAll(async () => {
  database = await makeDatabase(inject('databaseUrl'));
  await migrate(database.url);
  store = openPostgresStore(database.url);
});
afterAll(async () => {
  await store?.close();
  await database?.drop();
});
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'astra-key-')), 'api-key');
});
afterEach(() => rmSync(join(file, '..'), { recursive: true }));

const kept = (): string => readFileSync(file, 'utf8').trim();

test('the first key is made once, with every scope, and only its owner may read the file', async () => {
  await ensureFirstKey(database.url, file, 'default');
  const first = kept();
  await ensureFirstKey(database.url, file, 'default');
  expect(kept()).toBe(first);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = (await store.apiKeys.load()).find(({ id }) => id === parseApiKey(first)?.id);
  expect(key).toMatchObject({ org: 'default', scopes: ['read', 'write', 'admin'] });
});

test('a key that this database does not know, a revoked one, and one of another org are replaced', async () => {
  writeFileSync(file, `astra_${'0'.repeat(26)}_${'a'.repeat(43)}\n`);
  await ensureFirstKey(database.url, file, 'default');
  const second = kept();
  await store.apiKeys.revoke(parseApiKey(second)?.id ?? '');
  await ensureFirstKey(database.url, file, 'default');
  const third = kept();
  expect(third).not.toBe(second);
  await ensureFirstKey(database.url, file, 'acme');
  expect(kept()).not.toBe(third);
});

test('a database that does not answer is told, and no file is left', async () => {
  await expect(ensureFirstKey('postgres://127.0.0.1:1/x', file, 'default')).rejects.toMatchObject({
    kind: 'unavailable',
  });
  expect(existsSync(file)).toBe(false);
});
