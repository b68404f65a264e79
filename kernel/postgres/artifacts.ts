import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Kysely, sql } from 'kysely';
import { AstraError } from '../errors.ts';
import { artifactBytesMax, artifactChunkBytes, artifactUploadMs } from './bounds.ts';
import { postgresError } from './postgres-error.ts';
import type { Tables } from './tables.ts';

/**
 * Artifacts by the hash of their content, for each org its own (I10), in chunks of 1 MiB: for roles that share no file system.
 *
 * An upload is a row without a hash, then its chunks one by one, then the hash. No transaction stays open while a client
 * sends, and what is never finished is deleted by a later upload. All throw `unavailable` when Postgres does not answer.
 */
export class Artifacts {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Stores bytes; durable when it resolves. Throws `rejected` / `artifact_too_large` past `bytesMax` (at most 256 MiB). */
  async put(
    org: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: { readonly bytesMax?: number } = {},
  ): Promise<{ readonly sha256: string; readonly size: number }> {
    const bytesMax = Math.min(options.bytesMax ?? artifactBytesMax, artifactBytesMax);
    await this.#deleteAbandoned().catch(refuse);
    const { id } = await this.#db
      .insertInto('artifacts')
      .values({ org, sha256: null, size: null })
      .returning('id')
      .executeTakeFirstOrThrow()
      .catch(refuse);
    let kept = false;
    try {
      const hash = createHash('sha256');
      let size = 0;
      let n = 0;
      for await (const bytes of inChunks(content instanceof Uint8Array ? [content] : content)) {
        size += bytes.length;
        if (size > bytesMax)
          throw new AstraError('rejected', 'artifact_too_large', `expected at most ${bytesMax} bytes, found more`);
        hash.update(bytes);
        await this.#db.insertInto('artifact_chunks').values({ artifact: id, n, bytes }).execute().catch(refuse);
        n++;
      }
      const sha256 = hash.digest();
      kept = await this.#finish(id, org, sha256, size).catch(refuse);
      return { sha256: sha256.toString('hex'), size };
    } finally {
      if (!kept)
        await this.#db
          .deleteFrom('artifacts')
          .where('id', '=', id)
          .execute()
          .catch(() => {});
    }
  }

  /** The bytes, or those from `start` to `end` (both included); undefined when this org has none with this hash. */
  async get(
    org: string,
    sha256: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<{ readonly info: { readonly size: number }; readonly content: Readable } | undefined> {
    const found = await this.#find(org, sha256);
    if (!found) return undefined;
    const end = Math.min(range?.end ?? found.size - 1, found.size - 1);
    return { info: { size: found.size }, content: Readable.from(this.#read(found.id, range?.start ?? 0, end)) };
  }

  async stat(org: string, sha256: string): Promise<{ readonly size: number } | undefined> {
    const found = await this.#find(org, sha256);
    return found && { size: found.size };
  }

  async #find(org: string, sha256: string): Promise<{ id: string; size: number } | undefined> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return undefined;
    const row = await this.#db
      .selectFrom('artifacts')
      .select(['id', 'size'])
      .where('org', '=', org)
      .where('sha256', '=', Buffer.from(sha256, 'hex'))
      .executeTakeFirst()
      .catch(refuse);
    return row && { id: row.id, size: Number(row.size) };
  }

  /** Chunk by chunk, each cut by Postgres to what is wanted of it. */
  async *#read(id: string, start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at <= end; ) {
      const n = Math.floor(at / artifactChunkBytes);
      const offset = at - n * artifactChunkBytes;
      const length = Math.min(artifactChunkBytes - offset, end - at + 1);
      const row = await this.#db
        .selectFrom('artifact_chunks')
        .select(sql<Buffer>`substring(bytes from ${offset + 1}::int for ${length}::int)`.as('bytes'))
        .where('artifact', '=', id)
        .where('n', '=', n)
        .executeTakeFirst()
        .catch(refuse);
      if (row?.bytes.length !== length)
        throw new AstraError(
          'corrupt',
          'artifact_incomplete',
          `expected ${length} bytes in chunk ${n}, found ${row?.bytes.length ?? 0}`,
        );
      yield row.bytes;
      at += length;
    }
  }

  /** Gives an upload its hash; false when this org has these bytes already. */
  async #finish(id: string, org: string, sha256: Buffer, size: number): Promise<boolean> {
    const same = await this.#db
      .selectFrom('artifacts')
      .select('id')
      .where('org', '=', org)
      .where('sha256', '=', sha256)
      .executeTakeFirst();
    if (same) return false;
    try {
      await this.#db
        .updateTable('artifacts')
        .set({ sha256, size: String(size) })
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      return true;
    } catch (error) {
      // Somebody stored the same bytes between our look and our update.
      if ((error as { constraint?: unknown }).constraint === 'artifacts_content_unique') return false;
      throw error;
    }
  }

  async #deleteAbandoned(): Promise<void> {
    await this.#db
      .deleteFrom('artifacts')
      .where('sha256', 'is', null)
      .where('created_at', '<', sql<Date>`clock_timestamp() - ${artifactUploadMs} * interval '1 millisecond'`)
      .execute();
  }
}

/** The same bytes in chunks of 1 MiB, the last one shorter. */
async function* inChunks(content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let chunk = Buffer.allocUnsafe(artifactChunkBytes);
  let filled = 0;
  for await (const piece of content)
    for (let at = 0; at < piece.length; ) {
      const take = Math.min(piece.length - at, artifactChunkBytes - filled);
      chunk.set(piece.subarray(at, at + take), filled);
      at += take;
      filled += take;
      if (filled < artifactChunkBytes) continue;
      yield chunk;
      chunk = Buffer.allocUnsafe(artifactChunkBytes);
      filled = 0;
    }
  if (filled > 0) yield chunk.subarray(0, filled);
}

const refuse = (error: unknown): never => {
  throw postgresError(error);
};
