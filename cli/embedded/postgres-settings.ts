/**
 * Settings of the embedded server, included by its postgresql.conf and written at each start. `ALTER SYSTEM` overrides
 * them. Durability stays as PostgreSQL ships it: fsync, full_page_writes and synchronous_commit are on (I1).
 */
export const postgresSettings = (
  port: number,
): string => `# Written at each start. Your own settings: ALTER SYSTEM SET …
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
max_connections = 100
password_encryption = 'scram-sha-256'

fsync = on
full_page_writes = on
synchronous_commit = on
wal_compression = off            # this build has no lz4, and pglz costs more time than it saves
wal_buffers = 16MB
max_wal_size = 4GB               # an append-heavy load otherwise checkpoints, and writes full pages, all the time
min_wal_size = 512MB
checkpoint_timeout = 15min

shared_buffers = 256MB
random_page_cost = 1.1           # solid-state disks
jit = off                        # hot statements are short: compiling them costs more than running them
autovacuum_naptime = 5s          # table shards is updated by every commit: its dead rows go every few seconds

timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_min_error_statement = panic  # statements carry payloads, which do not belong in a log file
log_checkpoints = off
`;

/** Who may connect: password holders over loopback. */
export const postgresAccess = `# Written at each start.
host all all 127.0.0.1/32 scram-sha-256
`;
