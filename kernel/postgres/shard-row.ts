import { epoch, generation, micros, seq, shard } from '../brand.ts';
import type { ShardRow } from '../log.ts';
import { decodeCounters } from './counters.ts';

/** The columns of `shards` that the port shows, of the table as `s`; `trying` as it is, or as it was in another row. */
export const shardColumns = (trying = 's.trying'): string =>
  `${trying}, s.tries, s.shard, s.epoch, s.owner, s.seq, s.hash, s.at, s.lane_generation, s.lane_sequence, s.lane_time, s.sent, s.got, s.unconfirmed_seq, s.evt_seq, s.flushed_seq`;

/** A row of `shards` as `pg` gives it: bigints as text. */
export interface ShardRecord {
  readonly shard: number;
  readonly epoch: number;
  readonly owner: string | null;
  readonly seq: string;
  readonly hash: Buffer;
  readonly at: string;
  readonly lane_generation: number;
  readonly lane_sequence: string;
  readonly lane_time: string;
  readonly sent: Buffer;
  readonly got: Buffer;
  readonly unconfirmed_seq: string;
  readonly evt_seq: string;
  readonly flushed_seq: string;
  readonly trying: string | null;
  readonly tries: number;
}

export const toShard = (row: ShardRecord): ShardRow => ({
  shard: shard(row.shard),
  epoch: epoch(row.epoch),
  owner: row.owner,
  seq: seq(Number(row.seq)),
  hash: row.hash,
  at: micros(Number(row.at)),
  lane: { generation: generation(row.lane_generation), sequence: Number(row.lane_sequence), time: row.lane_time },
  sent: decodeCounters(row.sent),
  got: decodeCounters(row.got),
  unconfirmedSeq: seq(Number(row.unconfirmed_seq)),
  evtSeq: seq(Number(row.evt_seq)),
  flushedSeq: seq(Number(row.flushed_seq)),
  probation: row.trying === null ? null : { trying: row.trying, tries: row.tries },
});

/** Rows in order of shard: `returning` has no order of its own. */
export const toShards = (rows: readonly ShardRecord[]): readonly ShardRow[] =>
  rows.map(toShard).sort((a, b) => a.shard - b.shard);
