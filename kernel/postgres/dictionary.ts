import type pg from 'pg';
import type { StoredEvent } from '../event.ts';

/** The names an event has codes for. */
type Names = Pick<StoredEvent, 'org' | 'actorType' | 'type'>;

/** Whatever runs a statement: the connection that commits, or the pool that reads. */
export interface Queryable {
  rows<R extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<R[]>;
}

/**
 * Codes for names of orgs and event types. A name gets its code in a transaction of its own before its first use, and keeps
 * it for ever; so what is known once needs no second look.
 */
export class Dictionary {
  readonly #orgs = new Map<string, number>();
  readonly #types = new Map<string, Map<string, number>>();
  readonly #orgNames: string[] = [];
  readonly #typeNames: (readonly [actorType: string, type: string])[] = [];

  orgCode(name: string): number | undefined {
    return this.#orgs.get(name);
  }

  orgName(code: number): string | undefined {
    return this.#orgNames[code];
  }

  /** The code of an org that has one: it has events. */
  codeOf(org: string): number {
    const code = this.#orgs.get(org);
    if (code === undefined) throw new Error(`org ${org} has no code: its events come first`);
    return code;
  }

  /** The names behind codes; undefined when one of them is not known here (yet). */
  namesOf(org: number, type: number): Names | undefined {
    const name = this.#orgNames[org];
    const names = this.#typeNames[type];
    return name === undefined || !names ? undefined : { org: name, actorType: names[0], type: names[1] };
  }

  /** The codes of the event types that have these names. */
  typesLike(names: { readonly actorType?: string; readonly type?: string }): readonly number[] {
    const codes: number[] = [];
    for (const [actorType, types] of this.#types)
      for (const [type, code] of types)
        if ((names.actorType ?? actorType) === actorType && (names.type ?? type) === type) codes.push(code);
    return codes;
  }

  knows(event: Names): boolean {
    return this.#orgs.has(event.org) && this.#types.get(event.actorType)?.has(event.type) === true;
  }

  codesOf(event: Names): { readonly org: number; readonly type: number } {
    const org = this.#orgs.get(event.org);
    const type = this.#types.get(event.actorType)?.get(event.type);
    if (org === undefined || type === undefined)
      throw new Error(`${event.actorType} ${event.type} of org ${event.org} has no code: ensure() comes first`);
    return { org, type };
  }

  /** Reads everything there is. */
  async load(from: Queryable): Promise<void> {
    for (const { code, name } of await from.rows<{ code: number; name: string }>('select code, name from orgs', []))
      this.#learnOrg(code, name);
    const types = await from.rows<{ code: number; actor_type: string; name: string }>(
      'select code, actor_type, name from event_types',
      [],
    );
    for (const { code, actor_type, name } of types) this.#learnType(code, actor_type, name);
  }

  /** Gives codes to the names in these events that have none. */
  async ensure(through: Queryable, events: Iterable<Names>): Promise<void> {
    for (const { org, actorType, type } of events) {
      if (!this.#orgs.has(org)) await this.#giveOrg(through, org);
      if (this.#types.get(actorType)?.get(type) === undefined) await this.#giveType(through, actorType, type);
    }
  }

  // A name that somebody else gave a code to meanwhile is seen by the second statement: the insert waited for its commit.

  async #giveOrg(through: Queryable, name: string): Promise<void> {
    await through.rows('insert into orgs (name) values ($1) on conflict do nothing', [name]);
    const rows = await through.rows<{ code: number }>('select code from orgs where name = $1', [name]);
    this.#learnOrg((rows[0] as { code: number }).code, name);
  }

  async #giveType(through: Queryable, actorType: string, name: string): Promise<void> {
    await through.rows('insert into event_types (actor_type, name) values ($1, $2) on conflict do nothing', [
      actorType,
      name,
    ]);
    const rows = await through.rows<{ code: number }>(
      'select code from event_types where actor_type = $1 and name = $2',
      [actorType, name],
    );
    this.#learnType((rows[0] as { code: number }).code, actorType, name);
  }

  #learnOrg(code: number, name: string): void {
    this.#orgs.set(name, code);
    this.#orgNames[code] = name;
  }

  #learnType(code: number, actorType: string, name: string): void {
    const types = this.#types.get(actorType) ?? new Map<string, number>();
    this.#types.set(actorType, types.set(name, code));
    this.#typeNames[code] = [actorType, name];
  }
}
