import { AstraError } from '../errors.ts';
import type { Queryable } from './dictionary.ts';

/** Settings without which Postgres may lose what it has acknowledged. */
const durable: Readonly<Record<string, (value: string) => boolean>> = {
  fsync: (value) => value === 'on',
  full_page_writes: (value) => value === 'on',
  // The others (local, remote_write, on, remote_apply) all wait for this server's disk.
  synchronous_commit: (value) => value !== 'off',
};

/** Refuses a Postgres that may lose a commit it has acknowledged (I1). Throws `rejected` / `postgres_not_durable`. */
export async function checkDurable(store: Queryable): Promise<void> {
  const settings = await store.rows<{ name: string; value: string }>(
    'select name, current_setting(name) as value from unnest($1::text[]) as name',
    [Object.keys(durable)],
  );
  for (const { name, value } of settings)
    if (!durable[name]?.(value))
      throw new AstraError(
        'rejected',
        'postgres_not_durable',
        `Postgres runs with ${name} = ${value} and could lose events it has acknowledged: set ${name} = on for this server, database and user, then start again`,
      );
}
