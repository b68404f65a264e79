import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Subscription } from '../../kernel/bus.ts';
import type { Json } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';
import { encodeId } from '../../kernel/ids.ts';
import type { Random } from '../../kernel/random.ts';
import type { ApiKeyEntry, ApiKeySource, ArtifactSource } from '../ports.ts';

/** Artifacts in memory, read in pieces. */
export class MemoryArtifacts implements ArtifactSource {
  readonly #bytes = new Map<string, Buffer>();
  /** Bytes that were read of any artifact so far. */
  readBytes = 0;
  /** Streams that were begun and neither ended nor were given up. */
  open = 0;

  put(org: string, bytes: Buffer): string {
    const sha256 = hash('sha256', bytes);
    this.#bytes.set(`${org}/${sha256}`, bytes);
    return sha256;
  }

  async stat(org: string, sha256: string): Promise<{ readonly size: number } | undefined> {
    const bytes = this.#bytes.get(`${org}/${sha256}`);
    return bytes && { size: bytes.length };
  }

  async get(org: string, sha256: string, range?: { readonly start: number; readonly end: number }) {
    const bytes = this.#bytes.get(`${org}/${sha256}`);
    if (!bytes) return undefined;
    const wanted = range ? bytes.subarray(range.start, range.end + 1) : bytes;
    return { info: { size: bytes.length }, content: Readable.from(this.#pieces(wanted)) };
  }

  async *#pieces(bytes: Buffer): AsyncGenerator<Buffer> {
    const pieceBytes = 256 * 1024;
    this.open++;
    try {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes);
        this.readBytes += piece.length;
        yield piece;
      }
    } finally {
      this.open--;
    }
  }
}

/** Stream LOGS in memory. */
export class MemoryOutput {
  readonly #pieces = new Map<string, Json[]>();
  readonly #listeners = new Map<string, Set<(piece: Json) => void>>();
  up = true;

  /** Followers of any task. */
  get followers(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  write(org: string, taskId: string, piece: Json): void {
    const name = `${org}/${taskId}`;
    this.#pieces.set(name, [...(this.#pieces.get(name) ?? []), piece]);
    for (const listener of this.#listeners.get(name) ?? []) listener(piece);
  }

  /** The oldest pieces have left the stream. */
  forget(org: string, taskId: string): void {
    this.#pieces.delete(`${org}/${taskId}`);
  }

  readonly read = async (
    org: string,
    taskId: string,
    onPiece: (piece: Json) => void,
    onLevel: () => void = () => {},
  ): Promise<Subscription> => {
    if (!this.up) throw new AstraError('unavailable', 'bus_unavailable', 'the bus does not answer');
    const name = `${org}/${taskId}`;
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    queueMicrotask(() => {
      for (const piece of this.#pieces.get(name) ?? []) onPiece(piece);
      listeners.add(onPiece);
      onLevel();
    });
    return {
      stop: async () => {
        listeners.delete(onPiece);
      },
    };
  };
}

/** API keys in memory. */
export class MemoryKeys implements ApiKeySource {
  readonly #random: Random;
  #entries: readonly ApiKeyEntry[] = [];
  up = true;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A new key, as its owner holds it. */
  create(org: string, scopes: readonly string[]): string {
    const id = encodeId('', this.#random.bytes(16)).slice(1);
    const secret = this.#random.bytes(32).toString('base64url').replaceAll('_', '-');
    this.#entries = [...this.#entries, { id, org, scopes, hash: hash('sha256', secret, 'buffer') }];
    return `astra_${id}_${secret}`;
  }

  revoke(key: string): void {
    this.#entries = this.#entries.filter(({ id }) => !key.startsWith(`astra_${id}_`));
  }

  async load(): Promise<readonly ApiKeyEntry[]> {
    if (!this.up) throw new AstraError('unavailable', 'database_unavailable', 'the database does not answer');
    return this.#entries;
  }
}
