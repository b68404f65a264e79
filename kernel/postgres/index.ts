import { PostgresLog } from './log.ts';

export { type ApiKey, type ApiKeyEntry, type ApiKeys, parseApiKey } from './api-keys.ts';
export type { Artifacts } from './artifacts.ts';
export { type ActorAt, type History, type LogFilter, type LogPage, logStart } from './history.ts';
export { migrate } from './migrate.ts';
export { openPostgresStore, type PostgresStore } from './store.ts';
export { type Flaw, type Verified, verifyShard } from './verify.ts';

/**
 * Opens the event store at `url`; the connections show up in pg_stat_activity under `name`.
 *
 * Throws `unavailable` when Postgres does not answer, `rejected` / `postgres_not_durable` when it could lose what it
 * acknowledges, and what checkSchema throws when its tables are not those of this program: {@link migrate} comes first.
 */
export async function openPostgresLog(url: string, name = 'astra'): Promise<PostgresLog> {
  const log = new PostgresLog(url, name);
  try {
    await log.open();
  } catch (error) {
    await log.close();
    throw error;
  }
  return log;
}
