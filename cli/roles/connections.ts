import type { NatsOptions } from '../../kernel/nats/index.ts';
import { openPostgresStore } from '../../kernel/postgres/index.ts';
import type { Random } from '../../kernel/random.ts';
import { type ArtifactStore, fileArtifactStore } from '../../sandbox/index.ts';
import type { Config } from '../config.ts';
import { dataPaths } from '../data-directory.ts';
import { usageError } from '../exit-code.ts';
import type { StartedRole } from './role-process.ts';

/** How a role reaches NATS. Throws `nats_unknown` when no URL is given. */
export function natsOptions(config: Config, role: string): NatsOptions {
  if (!config.natsUrl)
    throw usageError(
      'nats_unknown',
      `astra ${role} needs NATS: give --nats-url or NATS_URL (astra up runs an embedded one).`,
    );
  return {
    url: config.natsUrl.reveal(),
    name: `astra-${role}`,
    ...(config.natsUser === undefined ? {} : { user: config.natsUser }),
    ...(config.natsPassword === undefined ? {} : { password: config.natsPassword.reveal() }),
  };
}

/** Where a role finds the database. Throws `database_unknown` when no URL is given. */
export function databaseUrlOf(config: Config, role: string): string {
  if (config.databaseUrl) return config.databaseUrl.reveal();
  throw usageError(
    'database_unknown',
    `astra ${role} needs a database: give --database-url or DATABASE_URL (astra up runs an embedded one).`,
  );
}

/** Artifacts where the configuration says: files that the roles share, or Postgres. */
export function openArtifacts(
  config: Config,
  role: string,
  random: Random,
): ArtifactStore & { close(): Promise<void> } {
  if (config.artifacts === 'files') {
    const files = fileArtifactStore(dataPaths(config.dataDir).artifacts, random);
    return { ...files, close: async () => {} };
  }
  const store = openPostgresStore(databaseUrlOf(config, role), `astra-${role}-artifacts`);
  const { artifacts } = store;
  return {
    put: (org, content, options) => artifacts.put(org, content, options),
    get: (org, sha256, range) => artifacts.get(org, sha256, range),
    stat: (org, sha256) => artifacts.stat(org, sha256),
    close: () => store.close(),
  };
}

/** Stops one after the other, all of them, and then tells the first fault. */
export function stopAll(steps: readonly (() => Promise<unknown>)[]): StartedRole['stop'] {
  return async () => {
    const faults: unknown[] = [];
    for (const step of steps)
      try {
        await step();
      } catch (error) {
        faults.push(error);
      }
    if (faults.length > 0) throw faults[0];
  };
}
