import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  readonly url: string;
  /** Runs SQL in it. */
  query<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  drop(): Promise<void>;
}

/** Makes an empty database beside the one in `url`, or a copy of `template`. */
export async function makeDatabase(url: string, template?: TestDatabase): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const own = new URL(url);
  own.pathname = `/${name}`;
  const copied = template ? ` template ${new URL(template.url).pathname.slice(1)}` : '';
  await once(url, (client) => client.query(`create database ${name}${copied}`));
  return {
    url: own.href,
    query: (text, values = []) => once(own.href, async (client) => (await client.query(text, [...values])).rows),
    drop: () => once(url, async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
}

async function once<T>(url: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}
