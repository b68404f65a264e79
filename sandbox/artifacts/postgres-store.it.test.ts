import { afterAll, beforeAll, inject } from 'vitest';
import { migrate, openPostgresStore, type PostgresStore } from '../../kernel/postgres/index.ts';
import { makeDatabase, type TestDatabase } from '../../kernel/testing/database.ts';
import { artifactStoreContract } from '../artifacts.contract.ts';

let database: TestDatabase;
let store: PostgresStore;

beforeAll(async () => {
  database = await makeDatabase(inject('databaseUrl'));
  await migrate(database.url);
  store = openPostgresStore(database.url);
});
afterAll(async () => {
  await store?.close();
  await database?.drop();
});

// The kernel's store fits the port as it is.
artifactStoreContract('Postgres', async () => store.artifacts);
