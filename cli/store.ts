import type { Config } from './config.ts';
import { running } from './data-directory.ts';
import { usageError } from './exit-code.ts';
import { SecretUrl } from './secret.ts';

/** The database of commands that read the log itself: the one configured, else that of the running `astra up`. */
export function databaseOf(config: Config): SecretUrl {
  const url = config.databaseUrl ?? embeddedUrl(config);
  if (url) return url;
  throw usageError(
    'database_unknown',
    `no database is given, and no astra up runs on ${config.dataDir}: give --database-url or DATABASE_URL, or start astra up.`,
  );
}

function embeddedUrl(config: Config): SecretUrl | undefined {
  const here = running(config.dataDir);
  return here && new SecretUrl(here.databaseUrl);
}
