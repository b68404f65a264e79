import pg from 'pg';
import { AstraError } from '../errors.ts';
import {
  answerMs,
  connectMs,
  keepAliveMs,
  readAnswerMs,
  readConnectionsMax,
  readStatementMs,
  statementMs,
} from './bounds.ts';
import type { Queryable } from './dictionary.ts';
import { isLost, postgresError } from './postgres-error.ts';

/**
 * Statements are planned once and for all parameters: a plan for those of one call costs more than most statements do
 * (0.76 ms for the one that reads an actor, which then takes 0.25).
 */
const planOnce = '-c plan_cache_mode=force_generic_plan';

/** One connection that comes back: made when it is needed, and made anew after it was lost. */
export class SteadyConnection implements Queryable {
  readonly #url: string;
  readonly #name: string;
  readonly #session: string | undefined;
  #client: pg.Client | undefined;
  #connecting: Promise<pg.Client> | undefined;
  #closed = false;
  /** Settles when the statement before is done. */
  #before: Promise<unknown> = Promise.resolve();

  /** `session` is run once on every connection, before its first use. */
  constructor(url: string, name: string, session?: string) {
    this.#url = url;
    this.#name = name;
    this.#session = session;
  }

  /** The connection. Throws `unavailable` when there is none to be had. */
  async ready(): Promise<pg.Client> {
    if (this.#closed) throw new AstraError('unavailable', 'postgres_unavailable', 'the event store was closed');
    if (this.#client) return this.#client;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: this.#name,
      options: planOnce,
      connectionTimeoutMillis: connectMs,
      statement_timeout: statementMs,
      query_timeout: answerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveMs,
    });
    const drop = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', drop);
    client.on('end', drop);
    try {
      await client.connect();
      if (this.#session !== undefined) await client.query(this.#session);
    } catch (error) {
      client.end().catch(() => {});
      throw postgresError(error);
    }
    if (this.#closed) await client.end();
    else this.#client = client;
    return client;
  }

  /**
   * Rows of a statement that changes nothing, or may be repeated; one at a time, in the order in which they are asked for;
   * prepared when `name` is given. Throws what {@link postgresError} makes of a failure.
   */
  rows<R extends pg.QueryResultRow>(text: string, values: readonly unknown[], name?: string): Promise<R[]> {
    const rows = this.#before.then(() => this.#rows<R>(text, values, name));
    this.#before = rows.catch(() => {});
    return rows;
  }

  async #rows<R extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    name: string | undefined,
  ): Promise<R[]> {
    const client = await this.ready();
    try {
      const query = { text, values: [...values] };
      return (await client.query<R>(name === undefined ? query : { name, ...query })).rows;
    } catch (error) {
      if (isLost(error)) this.abandon(client);
      throw postgresError(error);
    }
  }

  /** Gives a connection up, whatever is under way on it; the next use makes another. */
  abandon(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
    client.end().catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connecting?.catch(() => {});
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}

/** The connections that read: a few, so that a long read holds up no other. */
export class ReadPool implements Queryable {
  readonly pool: pg.Pool;
  #closing: Promise<void> | undefined;

  constructor(url: string, name: string) {
    this.pool = new pg.Pool({
      connectionString: url,
      application_name: name,
      options: planOnce,
      max: readConnectionsMax,
      connectionTimeoutMillis: connectMs,
      statement_timeout: readStatementMs,
      query_timeout: readAnswerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveMs,
    });
    // An idle connection that dies is replaced at its next use; without a listener it would end the process.
    this.pool.on('error', () => {});
  }

  /** Rows of a statement, prepared when `name` is given. Throws what {@link postgresError} makes of a failure. */
  async rows<R extends pg.QueryResultRow>(text: string, values: readonly unknown[], name?: string): Promise<R[]> {
    try {
      const query = { text, values: [...values] };
      return (await this.pool.query<R>(name === undefined ? query : { name, ...query })).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.pool.end();
    return this.#closing;
  }
}
