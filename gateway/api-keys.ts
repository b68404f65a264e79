import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { AstraError } from '../kernel/errors.ts';
import { keysRefreshMs } from './bounds.ts';
import type { ApiKeySource } from './ports.ts';

/** What a route asks of a key. */
export type Scope = 'read' | 'write' | 'admin';

/** Who asks: what a key stands for. */
export interface Caller {
  readonly org: string;
  /** As commands name it: `key:<id>`. */
  readonly principal: string;
}

interface Held {
  readonly caller: Caller;
  readonly scopes: ReadonlySet<string>;
  readonly hash: Uint8Array;
}

const bearer = /^Bearer +astra_([0-9a-hjkmnp-tv-z]{26})_([A-Za-z0-9-]{43})$/i;
/** Compared with when a key is unknown: both answers take the same steps. */
const nobody = new Uint8Array(32);

/** The API keys in memory: a request never waits for where they come from (I6). */
export class ApiKeys {
  readonly #source: ApiKeySource;
  readonly #clock: Clock;
  readonly #onFailed: (cause: unknown) => void;
  #held: ReadonlyMap<string, Held> | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(source: ApiKeySource, clock: Clock, onFailed: (cause: unknown) => void) {
    this.#source = source;
    this.#clock = clock;
    this.#onFailed = onFailed;
  }

  /** Whether keys have been read since the start. */
  get isLoaded(): boolean {
    return this.#held !== undefined;
  }

  /** Reads the keys now and every {@link keysRefreshMs}; resolves after the first try. */
  async start(): Promise<void> {
    try {
      const entries = await this.#source.load();
      this.#held = new Map(
        entries.map(({ id, org, scopes, hash }) => [
          id,
          { caller: { org, principal: `key:${id}` }, scopes: new Set(scopes), hash },
        ]),
      );
    } catch (cause) {
      // What was known stays in force: reads go on without Postgres.
      this.#onFailed(cause);
    }
    if (!this.#stopped) this.#cancel = this.#clock.after(keysRefreshMs, () => void this.start());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /**
   * Who may do what `scope` names, by an `Authorization` header.
   * Throws `unauthenticated` (401), `forbidden` (403), `not_ready` (503) while no keys were read yet.
   */
  admit(authorization: string, scope: Scope): Caller {
    const match = bearer.exec(authorization);
    if (!match)
      throw unauthenticated(authorization === '' ? 'no API key' : 'no API key of the form astra_<id>_<secret>');
    if (!this.#held)
      throw new AstraError('unavailable', 'not_ready', 'the API keys have not been read yet', { retryAfterMs: 500 });
    const held = this.#held.get(match[1] as string);
    const given = hash('sha256', match[2] as string, 'buffer');
    const right = timingSafeEqual(given, held?.hash ?? nobody);
    if (!held || !right) throw unauthenticated('an API key that is unknown or revoked');
    if (!held.scopes.has(scope) && !held.scopes.has('admin'))
      throw new AstraError(
        'rejected',
        'forbidden',
        `this needs a key with scope ${scope}; this one has ${[...held.scopes].join(', ') || 'none'}`,
      );
    return held.caller;
  }
}

const unauthenticated = (found: string): AstraError =>
  new AstraError('rejected', 'unauthenticated', `expected Authorization: Bearer <API key>, found ${found}`);
