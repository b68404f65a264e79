import { epoch, generation, micros, seq, shard } from '../brand.ts';
import { AstraError } from '../errors.ts';
import type { StoredEvent } from '../event.ts';
import type { ShardRow } from '../log.ts';
import { decodeCounters } from './counters.ts';
import type { Dictionary } from './dictionary.ts';

export const eventColumns = 'shard, seq, epoch, commit_seq, org, actor, version, type, schema, at, body, hash';

export interface EventRow {
  readonly shard: number;
  readonly seq: string;
  readonly epoch: number;
  readonly commit_seq: string;
  readonly org: number;
  readonly actor: Buffer;
  readonly version: number;
  readonly type: number;
  readonly schema: number;
  readonly at: string;
  readonly body: Buffer;
  readonly hash: Buffer;
}

/** Throws `corrupt` when a code is in no dictionary. */
export function toEvent(row: EventRow, dictionary: Dictionary): StoredEvent {
  const org = dictionary.orgName(row.org);
  const type = dictionary.typeName(row.type);
  if (org === undefined || !type)
    throw new AstraError(
      'corrupt',
      'unknown_code',
      `event ${row.shard}:${row.seq} has org code ${row.org} and type code ${row.type}, which are in no dictionary`,
    );
  return {
    shard: shard(row.shard),
    seq: seq(Number(row.seq)),
    epoch: epoch(row.epoch),
    commitSeq: seq(Number(row.commit_seq)),
    org,
    actorType: type[0],
    actorKey: row.actor,
    version: row.version,
    type: type[1],
    schema: row.schema,
    at: micros(Number(row.at)),
    body: row.body,
    hash: row.hash,
  };
}

export const shardColumns =
  'shard, epoch, owner, seq, hash, at, lane_generation, lane_sequence, lane_time, sent, got, unconfirmed_seq, evt_seq, flushed_seq';

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
});
