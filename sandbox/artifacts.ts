import type { Readable } from 'node:stream';

/** A file that an attempt left behind, as events name it. */
export interface Artifact {
  /** Of its bytes, hex. */
  readonly sha256: string;
  readonly size: number;
  readonly mediaType: string;
  readonly name: string;
}

/** The port to artifacts: bytes by the hash of their content, for each org its own (I10). Names and media types are with who refers to them. */
export interface ArtifactStore {
  /**
   * Stores bytes; the same bytes of one org are stored once. When it resolves they are durable.
   * Throws `rejected` / `artifact_too_large` past `bytesMax` (256 MiB), `unavailable` when the store does not answer.
   */
  put(
    org: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options?: PutOptions,
  ): Promise<{ sha256: string; size: number }>;
  /** The bytes, or those of a range; undefined when this org has none with this hash. */
  get(org: string, sha256: string, range?: ByteRange): Promise<{ info: ArtifactInfo; content: Readable } | undefined>;
  stat(org: string, sha256: string): Promise<ArtifactInfo | undefined>;
}

/** Bytes, or where they come from; from a function they can be had again, should the store not answer. */
export type ArtifactContent = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

export interface PutOptions {
  /** Less than the store's own bound. */
  readonly bytesMax?: number;
}

export interface ArtifactInfo {
  readonly size: number;
}

/** First and last byte, both included, within the artifact. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const hashPattern = /^[0-9a-f]{64}$/;

/** Whether a text is a SHA-256 in hex: the only thing that may become part of a path. */
export const isSha256 = (text: string): boolean => hashPattern.test(text);
