import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startNats, startPostgres } from '../cli/embedded/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL superuser's URL: each test file makes a database of its own beside the one named in it. */
    databaseUrl: string;
    /** A NATS server with JetStream that asks for no password: each test file has a stream prefix of its own. */
    natsUrl: string;
  }
}

/** As the embedded server of `astra up` has it. */
const maxPayloadBytes = 8 * 1024 * 1024;

/** How long the servers outlive a run that is killed. */
const orphanGraceMs = 1000;

/**
 * The servers of one run of integration tests: on free ports, with throw-away data. `ASTRA_TEST_DATABASE_URL` and
 * `ASTRA_TEST_NATS_URL` name others to use instead (their data is not cleaned up).
 */
export default async function servers(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'astra-test-'));
  chmodSync(directory, 0o711);
  const postgresDirectory = join(directory, 'postgres');
  const givenDatabase = process.env['ASTRA_TEST_DATABASE_URL'];
  const givenNats = process.env['ASTRA_TEST_NATS_URL'];
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()));
    const location = join(postgresDirectory, 'location');
    if (existsSync(location)) rmSync(readFileSync(location, 'utf8').trim(), { recursive: true, force: true });
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    if (givenDatabase === undefined) {
      const postgres = await startPostgres({ dataDir: postgresDirectory, orphanGraceMs });
      started.push(postgres);
      project.provide('databaseUrl', postgres.url);
    } else project.provide('databaseUrl', givenDatabase);
    if (givenNats === undefined) {
      const dataDir = join(directory, 'nats');
      const nats = await startNats({ dataDir, users: 'anyone', maxPayloadBytes, orphanGraceMs });
      started.push(nats);
      project.provide('natsUrl', nats.url);
    } else project.provide('natsUrl', givenNats);
  } catch (cause) {
    await stop();
    throw cause;
  }
  return stop;
}
