import { PostgresLog } from './log.ts';

export { migrate } from './migrate.ts';
export { type Flaw, type Verified, verifyShard } from './verify.ts';

/**
 * Opens the event store at `url`. `name` shows up in pg_stat_activity. Throws `unavailable` when Postgres does not answer,
 * and `rejected` / `postgres_not_durable` when it could lose what it acknowledges.
 */
export async function openPostgresLog(url: string, name: string): Promise<PostgresLog> {
  const log = new PostgresLog(url, name);
  try {
    await log.open();
  } catch (error) {
    await log.close();
    throw error;
  }
  return log;
}
