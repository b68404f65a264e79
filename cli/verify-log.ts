import { openPostgresLog, type Verified, verifyShard } from '../kernel/postgres/index.ts';

/** What verification came to. */
export interface LogVerified {
  readonly databaseId: string;
  readonly shards: number;
  readonly events: number;
  /** The shards whose chain is broken, each with its first flaw. */
  readonly flawed: readonly Verified[];
}

/**
 * Recomputes the hash chain of every shard up to the head it has now (I9). `onShard` hears of each shard that is done.
 * Throws `unavailable` when the database does not answer.
 */
export async function verifyLog(
  url: string,
  onShard: (done: number, of: number) => void = () => {},
): Promise<LogVerified> {
  const log = await openPostgresLog(url, 'astra-verify');
  try {
    const { databaseId } = await log.meta();
    const heads = await log.heads();
    let events = 0;
    const flawed: Verified[] = [];
    for (const [index, head] of heads.entries()) {
      const verified = await verifyShard(log, databaseId, head.shard, head);
      events += verified.events;
      if (verified.flaw) flawed.push(verified);
      onShard(index + 1, heads.length);
    }
    return { databaseId, shards: heads.length, events, flawed };
  } finally {
    await log.close();
  }
}

/** How many events the log holds now: the sum of the heads. Throws as {@link verifyLog}. */
export async function countEvents(url: string): Promise<number> {
  const log = await openPostgresLog(url, 'astra-count');
  try {
    const heads = await log.heads();
    return heads.reduce((sum, { seq }) => sum + seq, 0);
  } finally {
    await log.close();
  }
}
