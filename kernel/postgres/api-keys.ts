import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { AstraError } from '../errors.ts';
import { encodeId } from '../ids.ts';
import type { Random } from '../random.ts';
import { postgresError } from './postgres-error.ts';
import type { ApiKeyRow, Tables } from './tables.ts';

/** An API key without its secret: what may be shown. */
export interface ApiKey {
  readonly id: string;
  readonly org: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly revokedAt: Date | undefined;
}

/** An API key as a gateway holds it: `hash` is SHA-256 of the secret. */
export interface ApiKeyEntry extends ApiKey {
  readonly hash: Buffer;
}

const idBytes = 16;
const secretBytes = 32;
const orgPattern = /^[a-z0-9-]{1,40}$/;
const textPattern = /^astra_([0-9a-hjkmnp-tv-z]{26})_([A-Za-z0-9-]{43})$/;

/** What a key's secret is compared by. */
export const secretHash = (secret: string): Buffer => createHash('sha256').update(secret, 'utf8').digest();

/** Takes `astra_<id>_<secret>` apart; undefined when it is no API key. */
export function parseApiKey(text: string): { readonly id: string; readonly hash: Buffer } | undefined {
  const match = textPattern.exec(text);
  return match ? { id: match[1] as string, hash: secretHash(match[2] as string) } : undefined;
}

/** The API keys (docs/http.md, "Conventions"). All throw `unavailable` when Postgres does not answer. */
export class ApiKeys {
  readonly #db: Kysely<Tables>;
  readonly #random: Random;

  constructor(db: Kysely<Tables>, random: Random) {
    this.#db = db;
    this.#random = random;
  }

  /**
   * Makes a key. `text` is `astra_<id>_<secret>`, told once: the secret is stored nowhere. An org exists from its first key.
   * Throws `rejected` / `invalid_input` for an org or name that is none.
   */
  async create(of: Pick<ApiKey, 'org' | 'name' | 'scopes'>): Promise<{ readonly key: ApiKey; readonly text: string }> {
    if (!orgPattern.test(of.org))
      throw new AstraError(
        'rejected',
        'invalid_input',
        `expected an org of 1 to 40 of a-z, 0-9 and -, found ${JSON.stringify(of.org)}`,
      );
    const name = of.name.trim();
    if (name === '' || name.length > 100 || /\p{Cc}/u.test(name))
      throw new AstraError('rejected', 'invalid_input', 'expected a name of 1 to 100 printable characters');
    const id = encodeId('', this.#random.bytes(idBytes)).slice(1);
    // Base64url without its underscore, which separates the parts of a key.
    const secret = this.#random.bytes(secretBytes).toString('base64url').replaceAll('_', '0');
    const row = await this.#db
      .insertInto('api_keys')
      .values({ id, org: of.org, name, scopes: [...of.scopes], hash: secretHash(secret) })
      .returningAll()
      .executeTakeFirstOrThrow()
      .catch(refuse);
    return { key: shown(row), text: `astra_${id}_${secret}` };
  }

  /** The keys of an org (of all, by default), revoked ones too, oldest first. */
  async list(org?: string): Promise<readonly ApiKey[]> {
    let query = this.#db.selectFrom('api_keys').selectAll().orderBy('created_at').orderBy('id');
    if (org !== undefined) query = query.where('org', '=', org);
    return (await query.execute().catch(refuse)).map(shown);
  }

  /** Revokes a key: gateways forget it within seconds. False when there is none of this id that is valid. */
  async revoke(id: string): Promise<boolean> {
    const done = await this.#db
      .updateTable('api_keys')
      .set({ revoked_at: (now) => now.fn<Date>('clock_timestamp', []) })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst()
      .catch(refuse);
    return done.numUpdatedRows > 0n;
  }

  /** Every valid key, for a gateway's memory: so that no request asks Postgres (I6). */
  async load(): Promise<readonly ApiKeyEntry[]> {
    const rows = await this.#db
      .selectFrom('api_keys')
      .selectAll()
      .where('revoked_at', 'is', null)
      .execute()
      .catch(refuse);
    return rows.map((row) => ({ ...shown(row), hash: row.hash }));
  }
}

const shown = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  org: row.org,
  name: row.name,
  scopes: row.scopes,
  createdAt: row.created_at,
  revokedAt: row.revoked_at ?? undefined,
});

const refuse = (error: unknown): never => {
  throw postgresError(error);
};
