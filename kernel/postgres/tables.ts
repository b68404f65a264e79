import type { Generated, Selectable } from 'kysely';

/** The tables that are read and written with kysely: none of them is on a hot path. */
export interface Tables {
  api_keys: {
    id: string;
    org: string;
    name: string;
    scopes: string[];
    hash: Buffer;
    created_at: Generated<Date>;
    revoked_at: Date | null;
  };
  artifacts: {
    id: Generated<string>;
    org: string;
    /** Null while it is uploaded. */
    sha256: Buffer | null;
    size: string | null;
    created_at: Generated<Date>;
  };
  artifact_chunks: {
    artifact: string;
    n: number;
    bytes: Buffer;
  };
}

export type ApiKeyRow = Selectable<Tables['api_keys']>;
