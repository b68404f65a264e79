import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { AstraError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type ArtifactInfo, type ArtifactStore, type ByteRange, isSha256, type PutOptions } from '../artifacts.ts';
import { artifactBytesMax } from '../bounds.ts';

/**
 * Artifacts as files: `<root>/<org>/<first two of the hash>/<hash>`. A file is written
 * under another name, made durable, and only then given its own; so what has a name is whole.
 * For roles that share a file system. Files are readable by their owner alone.
 */
export function fileArtifactStore(root: string, random: Random): ArtifactStore {
  const directoryOf = (org: string, sha256: string) => join(root, checkedOrg(org), sha256.slice(0, 2));

  async function put(org: string, content: Uint8Array | AsyncIterable<Uint8Array>, { bytesMax }: PutOptions = {}) {
    const incoming = join(root, checkedOrg(org), 'incoming');
    await mkdir(incoming, { recursive: true, mode: 0o700 });
    const partial = join(incoming, random.bytes(16).toString('hex'));
    try {
      const stored = await write(partial, content, Math.min(bytesMax ?? artifactBytesMax, artifactBytesMax));
      const directory = directoryOf(org, stored.sha256);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const path = join(directory, stored.sha256);
      if (!(await exists(path))) {
        await linkOnce(partial, path);
        await sync(directory);
      }
      return stored;
    } finally {
      await unlink(partial).catch(() => undefined);
    }
  }

  async function info(org: string, sha256: string): Promise<ArtifactInfo | undefined> {
    if (!isSha256(sha256)) return undefined;
    const found = await stat(join(directoryOf(org, sha256), sha256)).catch(absent);
    return found && { size: found.size };
  }

  return {
    put: (org, content, options) => put(org, content, options).catch(explain),
    stat: (org, sha256) => info(org, sha256).catch(explain),
    get: async (org, sha256, range) => {
      const found = await info(org, sha256).catch(explain);
      if (!found) return undefined;
      return { info: found, content: read(join(directoryOf(org, sha256), sha256), found.size, range) };
    },
  };
}

const read = (path: string, size: number, range?: ByteRange): Readable =>
  size === 0 ? Readable.from([]) : createReadStream(path, range ? { start: range.start, end: range.end } : {});

/** Writes bytes to a new file and makes them durable. */
async function write(path: string, content: Uint8Array | AsyncIterable<Uint8Array>, bytesMax: number) {
  const hash = createHash('sha256');
  let size = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      size += chunk.byteLength;
      if (size > bytesMax)
        throw new AstraError(
          'rejected',
          'artifact_too_large',
          `An artifact here may have ${bytesMax} bytes; this one has more.`,
        );
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), size };
}

/** Gives a file its name; when another writer was first, its bytes are the same. */
async function linkOnce(partial: string, path: string): Promise<void> {
  await link(partial, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error) => absent(error) ?? false,
  );

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}

const orgPattern = /^[a-z0-9-]{1,40}$/;

/** I10: an org becomes a part of a path, so it is nothing else. */
function checkedOrg(org: string): string {
  if (!orgPattern.test(org)) throw new AstraError('rejected', 'org_invalid', 'An org is 1 to 40 of a-z, 0-9 and -.');
  return org;
}

/** Errors of the file system as the port names them. */
function explain(error: NodeJS.ErrnoException): never {
  if (error instanceof AstraError || error.code === undefined) throw error;
  throw new AstraError('unavailable', 'artifacts_unavailable', `The artifact store cannot be used (${error.code}).`, {
    cause: error,
  });
}
