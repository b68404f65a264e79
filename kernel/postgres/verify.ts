import { type Seq, type Shard, seq } from '../brand.ts';
import { eventHash, genesisHash } from '../hash.ts';
import type { Log } from '../log.ts';

/** What is wrong with a stored event, exactly. */
export interface Flaw {
  readonly position: string;
  readonly expected: string;
  readonly found: string;
}

export interface Verified {
  readonly shard: Shard;
  readonly events: number;
  readonly seq: Seq;
  readonly flaw: Flaw | undefined;
}

/**
 * Recomputes a shard's hash chain from its beginning to its head, and checks density, epochs and commit seqs (I2, I9).
 * Ends at the first flaw. Throws `unavailable` when the log does not answer.
 */
export async function verifyShard(
  log: Pick<Log, 'read'>,
  databaseId: string,
  of: Shard,
  head: { seq: Seq; hash: Buffer },
): Promise<Verified> {
  let hash = genesisHash(databaseId, of);
  let last = 0;
  let epoch = 0;
  const flawed = (at: number, expected: string, found: string): Verified => ({
    shard: of,
    events: last,
    seq: seq(last),
    flaw: { position: `${of}:${at}`, expected, found },
  });
  for await (const page of log.read(of, seq(0), head.seq))
    for (const event of page) {
      if (event.seq !== last + 1) return flawed(last + 1, `seq ${last + 1}`, `seq ${event.seq}`);
      if (event.epoch < epoch) return flawed(event.seq, `an epoch from ${epoch} on`, `epoch ${event.epoch}`);
      if (event.commitSeq < event.seq)
        return flawed(event.seq, `a commit seq from ${event.seq} on`, `${event.commitSeq}`);
      hash = eventHash(hash, event);
      if (!hash.equals(event.hash))
        return flawed(event.seq, `hash ${hash.toString('hex')}`, `hash ${event.hash.toString('hex')}`);
      last = event.seq;
      epoch = event.epoch;
    }
  if (last !== head.seq) return flawed(last + 1, `events up to seq ${head.seq}`, `none behind seq ${last}`);
  if (!hash.equals(head.hash))
    return flawed(last, `the head's hash ${head.hash.toString('hex')}`, `hash ${hash.toString('hex')}`);
  return { shard: of, events: last, seq: seq(last), flaw: undefined };
}
