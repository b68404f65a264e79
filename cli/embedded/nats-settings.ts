import { natsMemoryBytesMax, natsStoreBytesMax } from '../bounds.ts';

/** Subjects that a user may or may not use. Without `allow`, all but the denied ones. */
export interface NatsSubjects {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/** A user of the embedded server and what it may do. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions: {
    readonly publish: NatsSubjects;
    readonly subscribe: NatsSubjects;
    /** May it publish to the reply subject of what it got, whatever `publish` says? */
    readonly allow_responses?: boolean | { readonly max: number; readonly expires: string };
  };
}

/** Users who see nothing of those of other accounts, but for what one exports and the other imports. */
export interface NatsAccount {
  readonly jetstream?: 'enabled';
  readonly users: readonly NatsUser[];
  readonly exports?: readonly object[];
  readonly imports?: readonly object[];
}
/** By name. */
export type NatsAccounts = { readonly [name: string]: NatsAccount };

/** Who may connect. `anyone` asks for no password: for tests on throw-away data. */
export type NatsUsers = readonly NatsUser[] | NatsAccounts | 'anyone';

const isList = (users: NatsUsers): users is readonly NatsUser[] => Array.isArray(users);

export interface NatsSettings {
  readonly port: number;
  readonly monitorPort: number | undefined;
  readonly storeDirectory: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly users: NatsUsers;
  readonly maxPayloadBytes: number;
}

/**
 * The server's configuration. NATS reads JSON as a dialect of its own format, and JSON quotes every password and subject
 * safely. JetStream syncs to disk on its own interval: what NATS forgets is derived again from Postgres (I7).
 */
export function natsSettings(settings: NatsSettings): string {
  const { port, monitorPort, storeDirectory, users, maxPayloadBytes } = settings;
  const all = users === 'anyone' || isList(users) ? users : Object.values(users).flatMap((account) => account.users);
  // With an empty list of users nats-server asks nobody for a password.
  if (all.length === 0) throw new Error('expected at least one NATS user, found none');
  const content = {
    server_name: 'astra-embedded',
    host: '127.0.0.1',
    port,
    ...(monitorPort === undefined ? {} : { http: `127.0.0.1:${monitorPort}` }),
    pid_file: settings.pidFile,
    log_file: settings.logFile,
    max_payload: maxPayloadBytes,
    jetstream: {
      store_dir: storeDirectory,
      max_memory_store: natsMemoryBytesMax,
      max_file_store: natsStoreBytesMax,
    },
    ...(users === 'anyone' ? {} : isList(users) ? { authorization: { users } } : { accounts: users }),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}
