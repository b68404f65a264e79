import { micros, type Shard, seq } from '../brand.ts';
import type { RememberedCommand } from '../log.ts';
import type { ReadPool } from './connection.ts';

export const findCommandsText = `
select command_id, fingerprint, org, actor_type, actor_id, seq, expires_at from commands
where shard = $1 and command_id = any($2) and expires_at > (extract(epoch from statement_timestamp()) * 1000000)::int8`;

interface CommandRecord {
  readonly command_id: string;
  readonly fingerprint: string;
  readonly org: string;
  readonly actor_type: string;
  readonly actor_id: string;
  readonly seq: string;
  readonly expires_at: string;
}

/** The keyed commands among these that are remembered. The clock is Postgres's, so days that are over are not looked at. */
export async function findCommands(
  pool: ReadPool,
  of: Shard,
  commandIds: readonly string[],
): Promise<readonly RememberedCommand[]> {
  if (commandIds.length === 0) return [];
  const rows = await pool.rows<CommandRecord>(findCommandsText, [of, commandIds], 'find-commands');
  return rows.map((row) => ({
    commandId: row.command_id,
    fingerprint: row.fingerprint,
    actor: { org: row.org, type: row.actor_type, id: row.actor_id },
    seq: seq(Number(row.seq)),
    expiresAt: micros(Number(row.expires_at)),
  }));
}
