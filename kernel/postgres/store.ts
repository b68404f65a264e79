import { Kysely, PostgresDialect } from 'kysely';
import { SystemRandom } from '../random.ts';
import { ApiKeys } from './api-keys.ts';
import { Artifacts } from './artifacts.ts';
import { ReadPool } from './connection.ts';
import { Dictionary } from './dictionary.ts';
import { History } from './history.ts';
import type { Tables } from './tables.ts';

/** What a gateway, a worker or the command line uses of Postgres beside the log. */
export interface PostgresStore {
  readonly apiKeys: ApiKeys;
  readonly artifacts: Artifacts;
  readonly history: History;
  /** Whether Postgres answers: throws `unavailable` when it does not. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Opens nothing yet: connections are made when they are needed, and made anew when they were lost. */
export function openPostgresStore(url: string, name = 'astra'): PostgresStore {
  const pool = new ReadPool(url, name);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: pool.pool }) });
  return {
    apiKeys: new ApiKeys(db, new SystemRandom()),
    artifacts: new Artifacts(db),
    history: new History(pool, new Dictionary()),
    ping: async () => void (await pool.rows('select 1', [])),
    close: () => pool.close(),
  };
}
