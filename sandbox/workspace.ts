import { constants, type Stats } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, open, opendir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { AstraError } from '../kernel/errors.ts';
import { outputEntriesMax } from './bounds.ts';
import { type InputFile, messagesFile, type OutputFile, outputDirectory, resultFile } from './driver.ts';

/** What work directories are called, so that those a crash left can be told from anything else. */
export const workspacePrefix = 'job-';

/** The work directory of one job, for drivers whose jobs share a file system with the worker. */
export class Workspace {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes a directory of its own under `root`, with the job's files, `out/` and `tmp/`. */
  static async create(root: string, files: readonly InputFile[]): Promise<Workspace> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const workspace = new Workspace(await mkdtemp(join(root, workspacePrefix)));
    try {
      for (const name of [outputDirectory, 'tmp']) await mkdir(join(workspace.directory, name), { mode: 0o700 });
      for (const { path, data, executable } of files) {
        if (!isInsidePath(path))
          throw new AstraError(
            'rejected',
            'path_escapes',
            `A file of a job has a relative path without ".."; found "${path}".`,
          );
        const full = join(workspace.directory, path);
        await mkdir(dirname(full), { recursive: true, mode: 0o700 });
        await writeFile(full, data, { flag: 'wx', mode: executable ? 0o700 : 0o600 });
      }
    } catch (error) {
      await workspace.dispose();
      throw error;
    }
    return workspace;
  }

  /** What the job left: its result, its messages, and everything in its output directory. Links are named, never followed. */
  async *files(): AsyncGenerator<OutputFile> {
    const seen = { entries: 0 };
    for (const name of [resultFile, messagesFile]) {
      const stats = await lstat(join(this.directory, name)).catch(() => undefined);
      if (stats) yield this.#file(name, stats);
    }
    const out = await lstat(join(this.directory, outputDirectory)).catch(() => undefined);
    if (out?.isDirectory()) yield* this.#walk(outputDirectory, seen);
    else if (out) yield this.#file(outputDirectory, out);
  }

  async dispose(): Promise<void> {
    const remove = () => rm(this.directory, { recursive: true, force: true, maxRetries: 2 });
    // A job may have closed its own directories.
    await remove().catch(async () => {
      await unlock(this.directory);
      await remove();
    });
  }

  async *#walk(path: string, seen: { entries: number }): AsyncGenerator<OutputFile> {
    for await (const entry of await opendir(join(this.directory, path))) {
      if (++seen.entries > outputEntriesMax)
        throw new AstraError(
          'rejected',
          'too_many_artifacts',
          `The output directory has more than ${outputEntriesMax} entries.`,
        );
      const inner = `${path}/${entry.name}`;
      const stats = await lstat(join(this.directory, inner)).catch(() => undefined);
      if (!stats) continue;
      if (stats.isDirectory()) yield* this.#walk(inner, seen);
      else yield this.#file(inner, stats);
    }
  }

  #file(path: string, stats: Stats): OutputFile {
    const kind = stats.isFile() ? 'file' : stats.isSymbolicLink() ? 'link' : 'other';
    return { path, kind, size: stats.size, open: () => read(join(this.directory, path), stats) };
  }
}

/** Reads a file if it still is the one that was looked at. */
async function* read(path: string, looked: Stats): AsyncGenerator<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.ino !== looked.ino || stats.dev !== looked.dev)
      throw new AstraError('rejected', 'artifact_refused', 'An output file was exchanged while it was read.');
    yield* file.createReadStream({ autoClose: false });
  } finally {
    await file.close();
  }
}

/** Whether a path is relative, names something, and cannot leave the directory it is taken in. */
export function isInsidePath(path: string): boolean {
  if (path === '' || path.length > 1024 || path.includes('\0') || path.includes('\\')) return false;
  return (
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') &&
    (sep === '/' || !path.includes(sep))
  );
}

async function unlock(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  for await (const entry of await opendir(directory))
    if (entry.isDirectory()) await unlock(join(directory, entry.name)).catch(() => undefined);
}
