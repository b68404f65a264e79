import { openPostgresLog } from '../../kernel/postgres/index.ts';
import type { Config } from '../config.ts';

/** What migrations/ initialises `meta` with, for ever. */
const shardsAsInitialised = 64;

/** The number of shards: as the database says, where one is given; else as every database is initialised. */
export async function shardsOf(config: Config): Promise<number> {
  if (!config.databaseUrl) return shardsAsInitialised;
  const log = await openPostgresLog(config.databaseUrl.reveal(), 'astra-meta');
  try {
    return (await log.meta()).shards;
  } finally {
    await log.close();
  }
}
