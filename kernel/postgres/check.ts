import type pg from 'pg';
import { AstraError } from '../errors.ts';

/** Settings without which a commit is not durable. `remote_apply` and `remote_write` are stronger than `on` needs. */
const required: Readonly<Record<string, (value: string) => boolean>> = {
  fsync: (value) => value === 'on',
  full_page_writes: (value) => value === 'on',
  synchronous_commit: (value) => value !== 'off',
};

/** Refuses a Postgres that may lose what it has acknowledged (I1). Throws `rejected` / `postgres_not_durable`. */
export async function checkDurable(client: pg.ClientBase): Promise<void> {
  for (const [name, fits] of Object.entries(required)) {
    const row = await client.query<{ value: string }>('select current_setting($1) as value', [name]);
    const value = row.rows[0]?.value ?? '';
    if (!fits(value))
      throw new AstraError(
        'rejected',
        'postgres_not_durable',
        `Postgres has ${name} = ${value}, and could lose acknowledged events: set it to on, and start again`,
      );
  }
}
