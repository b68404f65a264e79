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

/** Who may connect. `anyone` asks for no password: for tests on throw-away data. */
export type NatsUsers = readonly NatsUser[] | 'anyone';

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
  // With an empty list of users nats-server asks nobody for a password.
  if (users.length === 0) throw new Error('expected at least one NATS user, found none');
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
    ...(users === 'anyone' ? {} : { authorization: { users } }),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}
