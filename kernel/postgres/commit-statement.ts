import type { CommitPart } from '../log.ts';
import { byteaArray, int2Array, int4Array, int8Array, textArray } from './binary-array.ts';
import { encodeCounters } from './counters.ts';
import type { Dictionary } from './dictionary.ts';

/**
 * The group commit, as one prepared statement (I2):
 *
 *  1. `u` are the shards' parts, as they want to go on.
 *  2. `held` locks their rows, in order of shard (two writers cannot deadlock), where epoch and previous seq still are
 *     what the part was built on. A deposed owner's row is not among them.
 *  3. `upd` advances exactly those; a null counter means "unchanged".
 *  4. `ins` and `cmd` insert the events and remembered commands of exactly those.
 *  5. The answer names the shards that were written, with the database's clock.
 *
 * Columns travel as binary arrays: through one connection 46,000 → 78,000 events/s into a minimal table.
 */
export const commitText = `
with u as (
  select * from unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::bytea[], $6::int8[], $7::int4[], $8::int8[], $9::int8[],
                       $10::bytea[], $11::bytea[], $12::int8[], $13::int8[], $14::int8[])
    as u(shard, epoch, previous_seq, seq, hash, at, lane_generation, lane_sequence, lane_time, sent, got, unconfirmed_seq, evt_seq, flushed_seq)
), held as (
  select s.shard from shards s join u on u.shard = s.shard
  where s.epoch = u.epoch and s.seq = u.previous_seq
  order by s.shard for update of s
), upd as (
  update shards s set
    seq = u.seq, hash = u.hash, at = u.at,
    lane_generation = u.lane_generation, lane_sequence = u.lane_sequence, lane_time = u.lane_time,
    sent = coalesce(u.sent, s.sent), got = coalesce(u.got, s.got),
    unconfirmed_seq = u.unconfirmed_seq, evt_seq = greatest(s.evt_seq, u.evt_seq), flushed_seq = greatest(s.flushed_seq, u.flushed_seq)
  from u join held on held.shard = u.shard
  where s.shard = u.shard and s.epoch = u.epoch and s.seq = u.previous_seq
  returning s.shard
), ins as (
  insert into events (shard, seq, epoch, commit_seq, org, actor, version, type, schema, at, body, hash)
  select e.* from unnest($15::int2[], $16::int8[], $17::int4[], $18::int8[], $19::int4[], $20::bytea[], $21::int4[], $22::int2[],
                         $23::int2[], $24::int8[], $25::bytea[], $26::bytea[])
    as e(shard, seq, epoch, commit_seq, org, actor, version, type, schema, at, body, hash)
  join upd on upd.shard = e.shard
), cmd as (
  insert into commands (shard, command_id, fingerprint, org, actor_type, actor_id, seq, expires_at)
  select c.* from unnest($27::int2[], $28::text[], $29::text[], $30::text[], $31::text[], $32::text[], $33::int8[], $34::int8[])
    as c(shard, command_id, fingerprint, org, actor_type, actor_id, seq, expires_at)
  join upd on upd.shard = c.shard
)
select coalesce(array_agg(shard), '{}') as written, (extract(epoch from clock_timestamp()) * 1000000)::int8 as now from upd`;

/** The statement's values. Every name must have its code. */
export function commitValues(parts: readonly CommitPart[], dictionary: Dictionary): Buffer[] {
  const events = parts.flatMap((part) => part.events);
  const commands = parts.flatMap((part) => part.commands.map((command) => ({ shard: part.shard, ...command })));
  return [
    int2Array(parts.map((p) => p.shard)),
    int4Array(parts.map((p) => p.epoch)),
    int8Array(parts.map((p) => p.previousSeq)),
    int8Array(parts.map((p) => p.seq)),
    byteaArray(parts.map((p) => p.hash)),
    int8Array(parts.map((p) => p.at)),
    int4Array(parts.map((p) => p.lane.generation)),
    int8Array(parts.map((p) => p.lane.sequence)),
    int8Array(parts.map((p) => BigInt(p.lane.time))),
    byteaArray(parts.map((p) => (p.sent ? encodeCounters(p.sent) : null))),
    byteaArray(parts.map((p) => (p.got ? encodeCounters(p.got) : null))),
    int8Array(parts.map((p) => p.unconfirmedSeq)),
    int8Array(parts.map((p) => p.evtSeq)),
    int8Array(parts.map((p) => p.flushedSeq)),
    int2Array(events.map((e) => e.shard)),
    int8Array(events.map((e) => e.seq)),
    int4Array(events.map((e) => e.epoch)),
    int8Array(events.map((e) => e.commitSeq)),
    int4Array(events.map((e) => dictionary.org(e.org) as number)),
    byteaArray(events.map((e) => e.actorKey)),
    int4Array(events.map((e) => e.version)),
    int2Array(events.map((e) => dictionary.type(e.actorType, e.type) as number)),
    int2Array(events.map((e) => e.schema)),
    int8Array(events.map((e) => e.at)),
    byteaArray(events.map((e) => e.body)),
    byteaArray(events.map((e) => e.hash)),
    int2Array(commands.map((c) => c.shard)),
    textArray(commands.map((c) => c.commandId)),
    textArray(commands.map((c) => c.fingerprint)),
    textArray(commands.map((c) => c.actor.org)),
    textArray(commands.map((c) => c.actor.type)),
    textArray(commands.map((c) => c.actor.id)),
    int8Array(commands.map((c) => c.seq)),
    int8Array(commands.map((c) => c.expiresAt)),
  ];
}
