import { existsSync, readFileSync } from 'node:fs';
import { openPostgresStore, parseApiKey } from '../kernel/postgres/index.ts';
import { writePrivate } from './data-directory.ts';

/**
 * Makes sure that `file` (0600) holds an API key that this database knows, for the whole org; a file from another database,
 * or of a revoked key, gets a new one. Throws `unavailable` when Postgres does not answer.
 */
export async function ensureFirstKey(databaseUrl: string, file: string, org: string): Promise<void> {
  const store = openPostgresStore(databaseUrl, 'astra-up');
  try {
    const kept = existsSync(file) ? parseApiKey(readFileSync(file, 'utf8').trim()) : undefined;
    const known = kept && (await store.apiKeys.load()).find(({ id, hash }) => id === kept.id && hash.equals(kept.hash));
    if (known?.org === org) return;
    const { text } = await store.apiKeys.create({ org, name: 'astra up', scopes: ['read', 'write', 'admin'] });
    writePrivate(file, `${text}\n`);
  } finally {
    await store.close();
  }
}
