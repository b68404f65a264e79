import type { Readable } from 'node:stream';
import type { Subscription } from '../kernel/bus.ts';
import type { Json } from '../kernel/envelope.ts';

/** What the gateway needs beside the read models and the command client; who puts the process together chooses. */

/** A valid API key, as the gateway holds it in memory. */
export interface ApiKeyEntry {
  readonly id: string;
  readonly org: string;
  /** Of `read`, `write`, `admin`; `admin` includes the others. */
  readonly scopes: readonly string[];
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array;
}

/** Where API keys come from. Asked at the start and every few seconds, never by a request (I6). */
export interface ApiKeySource {
  /** Every valid key. Throws when the store does not answer: the keys known before stay in force. */
  load(): Promise<readonly ApiKeyEntry[]>;
}

/** Reads artifacts: for each org its own (I10). */
export interface ArtifactSource {
  /** The bytes, or those from `start` to `end` (both included); undefined when this org has none with this hash. */
  get(
    org: string,
    sha256: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<{ readonly info: { readonly size: number }; readonly content: Readable } | undefined>;
  stat(org: string, sha256: string): Promise<{ readonly size: number } | undefined>;
}

/**
 * Reads the output of a task from stream LOGS: from its beginning (as far as LOGS still has it), and on as it comes, until
 * stopped. `onLevel` is told once when everything that was there at the start has been delivered. Throws `unavailable`.
 */
export type TaskOutputSource = (
  org: string,
  taskId: string,
  onPiece: (piece: Json) => void,
  onLevel?: () => void,
) => Promise<Subscription>;

/** A structured log (pino fits). */
export interface GatewayLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
