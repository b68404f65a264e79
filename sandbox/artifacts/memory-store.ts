import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AstraError } from '../../kernel/errors.ts';
import type { ArtifactStore } from '../artifacts.ts';
import { artifactBytesMax } from '../bounds.ts';

/** Artifacts in memory, for tests and simulation. */
export function memoryArtifactStore(): ArtifactStore {
  const orgs = new Map<string, Map<string, Buffer>>();
  const find = (org: string, sha256: string) => orgs.get(org)?.get(sha256);
  return {
    put: async (org, content, options = {}) => {
      const bytesMax = Math.min(options.bytesMax ?? artifactBytesMax, artifactBytesMax);
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        size += chunk.byteLength;
        if (size > bytesMax)
          throw new AstraError('rejected', 'artifact_too_large', `An artifact here may have ${bytesMax} bytes.`);
        chunks.push(chunk);
      }
      const bytes = Buffer.concat(chunks);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const own = orgs.get(org) ?? new Map<string, Buffer>();
      orgs.set(org, own.set(sha256, bytes));
      return { sha256, size };
    },
    stat: async (org, sha256) => {
      const bytes = find(org, sha256);
      return bytes && { size: bytes.length };
    },
    get: async (org, sha256, range) => {
      const bytes = find(org, sha256);
      if (!bytes) return undefined;
      const part = range ? bytes.subarray(range.start, range.end + 1) : bytes;
      return { info: { size: bytes.length }, content: Readable.from(part.length === 0 ? [] : [part]) };
    },
  };
}
