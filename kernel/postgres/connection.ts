import pg from 'pg';
import { AstraError } from '../errors.ts';
import { connectMs, statementMs } from './bounds.ts';

/** Postgres's own complaint, as `pg` throws it: it has a SQLSTATE. */
export const sqlState = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && error instanceof pg.DatabaseError ? code : undefined;
};

/** A failure of Postgres as an operating error. Statement texts and values never leave this file. */
export function postgresError(error: unknown): AstraError {
  if (error instanceof AstraError) return error;
  const state = sqlState(error);
  if (state === undefined)
    return new AstraError('unavailable', 'postgres_unavailable', `Postgres does not answer (${reason(error)})`, {
      cause: error,
    });
  if (/^(22|23|54)/.test(state))
    return new AstraError('rejected', 'data_refused', `Postgres refuses the data (SQLSTATE ${state})`, {
      cause: error,
    });
  if (state.startsWith('53'))
    return new AstraError('overloaded', 'postgres_overloaded', `Postgres is out of resources (SQLSTATE ${state})`, {
      cause: error,
    });
  if (/^(40|57|08|55)/.test(state))
    return new AstraError(
      'unavailable',
      'postgres_unavailable',
      `Postgres does not take the statement now (SQLSTATE ${state})`,
      { cause: error },
    );
  if (state.startsWith('28') || state === '3D000')
    return new AstraError(
      'unavailable',
      'postgres_refuses',
      `Postgres refuses the connection (SQLSTATE ${state}): check user, password and database of DATABASE_URL`,
      { cause: error },
    );
  return new AstraError(
    'corrupt',
    'postgres_unexpected',
    `Postgres answered with SQLSTATE ${state}: is the schema of this version?`,
    { cause: error },
  );
}

const reason = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string'
    ? code
    : error instanceof Error
      ? (error.message.split('\n')[0] ?? 'unknown')
      : 'unknown';
};

/** One connection that comes back: it is made when it is needed, and made anew after it has failed. */
export class SteadyConnection {
  readonly #url: string;
  readonly #name: string;
  #client: pg.Client | undefined;
  #connecting: Promise<pg.Client> | undefined;
  #closed = false;

  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  /** The connection. Throws `unavailable` when it cannot be made. */
  async ready(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    if (this.#closed)
      throw new AstraError('unavailable', 'postgres_unavailable', 'the connection to Postgres is closed');
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: this.#name,
      connectionTimeoutMillis: connectMs,
      query_timeout: statementMs,
      keepAlive: true,
    });
    client.on('error', () => this.#drop(client));
    client.on('end', () => this.#drop(client));
    try {
      await client.connect();
    } catch (error) {
      client.end().catch(() => {});
      throw postgresError(error);
    }
    this.#client = client;
    return client;
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
  }

  /** Gives the connection up, whatever is under way on it. */
  abandon(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.end().catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}
