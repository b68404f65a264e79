export { type EmbeddedNats, type EmbeddedNatsOptions, startNats } from './nats.ts';
export type { NatsAccounts, NatsUser, NatsUsers } from './nats-settings.ts';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startPostgres } from './postgres.ts';
