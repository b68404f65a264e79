import type pg from 'pg';
import type { StoredEvent } from '../event.ts';

/**
 * Codes for names. A name gets its code in a transaction of its own before its first use, and keeps it for ever; so codes
 * may be remembered without asking again.
 */
export class Dictionary {
  readonly #orgs = new Map<string, number>();
  readonly #types = new Map<string, number>();
  readonly #orgNames = new Map<number, string>();
  readonly #typeNames = new Map<number, readonly [actorType: string, name: string]>();

  org(name: string): number | undefined {
    return this.#orgs.get(name);
  }

  type(actorType: string, name: string): number | undefined {
    return this.#types.get(`${actorType}/${name}`);
  }

  orgName(code: number): string | undefined {
    return this.#orgNames.get(code);
  }

  typeName(code: number): readonly [actorType: string, name: string] | undefined {
    return this.#typeNames.get(code);
  }

  /** Reads everything there is. */
  async load(client: pg.ClientBase | pg.Pool): Promise<void> {
    const orgs = await client.query<{ code: number; name: string }>('select code, name from orgs');
    for (const { code, name } of orgs.rows) this.#learnOrg(code, name);
    const types = await client.query<{ code: number; actor_type: string; name: string }>(
      'select code, actor_type, name from event_types',
    );
    for (const { code, actor_type, name } of types.rows) this.#learnType(code, actor_type, name);
  }

  /** Gives codes to the names in these events that have none. */
  async ensure(client: pg.ClientBase, events: Iterable<StoredEvent>): Promise<void> {
    const orgs = new Set<string>();
    const types = new Map<string, readonly [string, string]>();
    for (const { org, actorType, type } of events) {
      if (!this.#orgs.has(org)) orgs.add(org);
      const name = `${actorType}/${type}`;
      if (!this.#types.has(name)) types.set(name, [actorType, type]);
    }
    for (const name of orgs) {
      const row = await client.query<{ code: number }>(
        `with made as (insert into orgs (name) values ($1) on conflict do nothing returning code)
         select code from made union all select code from orgs where name = $1 limit 1`,
        [name],
      );
      const code = row.rows[0]?.code ?? (await this.#again(client, 'select code from orgs where name = $1', [name]));
      this.#learnOrg(code, name);
    }
    for (const [actorType, name] of types.values()) {
      const row = await client.query<{ code: number }>(
        `with made as (insert into event_types (actor_type, name) values ($1, $2) on conflict do nothing returning code)
         select code from made union all select code from event_types where actor_type = $1 and name = $2 limit 1`,
        [actorType, name],
      );
      const code =
        row.rows[0]?.code ??
        (await this.#again(client, 'select code from event_types where actor_type = $1 and name = $2', [
          actorType,
          name,
        ]));
      this.#learnType(code, actorType, name);
    }
  }

  /** Another process was first, between our insert and our look. */
  async #again(client: pg.ClientBase, text: string, values: readonly string[]): Promise<number> {
    const row = await client.query<{ code: number }>(text, [...values]);
    return (row.rows[0] as { code: number }).code;
  }

  #learnOrg(code: number, name: string): void {
    this.#orgs.set(name, code);
    this.#orgNames.set(code, name);
  }

  #learnType(code: number, actorType: string, name: string): void {
    this.#types.set(`${actorType}/${name}`, code);
    this.#typeNames.set(code, [actorType, name]);
  }
}
