import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { unavailableError } from '../exit-code.ts';

/** What root keeps for all accounts of this machine, when the checkout or the data directory is closed to others. */
const path = '/var/lib/astra';

/** Makes sure of that directory: root's own, open to all for passing through and reading. Only root may ask. */
export function hostDirectory(): string {
  try {
    if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, 0o755);
  } catch (cause) {
    throw unavailableError(
      'embedded_postgres_unreachable',
      `PostgreSQL does not run as root, and ${path} cannot be made to keep its files where another account reaches them: ` +
        'move the checkout and --data-dir out of directories that only root may enter, or set DATABASE_URL.',
      cause,
    );
  }
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o022) !== 0)
    throw unavailableError(
      'embedded_postgres_unreachable',
      `expected ${path} to be a directory that root owns and nobody else can write; mend it, or set DATABASE_URL.`,
    );
  return path;
}
