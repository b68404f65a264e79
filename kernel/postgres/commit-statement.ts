import type { StoredEvent } from '../event.ts';
import type { CommitPart, RememberedCommand } from '../log.ts';
import { byteaArray, int2Array, int4Array, int8Array, textArray } from './binary-array.ts';
import { encodeCounters } from './counters.ts';
import type { Dictionary } from './dictionary.ts';

/**
 * The group commit, as one prepared statement (I1, I2):
 *
 *  1. `part` is what each shard wants to become.
 *  2. `held` locks the rows of those whose epoch and previous seq still are what the part was built on. In order of shard:
 *     so do all that lock more than one, and none of them can deadlock. A row that another commit holds is waited for and
 *     then compared again; a deposed owner's row is not among them.
 *  3. `advanced` moves exactly those on; counters that are null did not change.
 *  4. `stored` and `remembered` insert the events and keyed commands of exactly those. Epoch and commit seq are one for
 *     all events of a part, so they come from its row.
 *  5. The answer names the shards that were written, with the database's clock.
 *
 * Columns travel as binary arrays, because the same statement over text or over row-wise values takes half as many events.
 */
export const commitText = `
with part as (
  select * from unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::bytea[], $6::int8[],
                       $7::int4[], $8::int8[], $9::int8[], $10::bytea[], $11::bytea[], $12::int8[], $13::int8[], $14::int8[],
                       $33::text[], $34::int2[])
    as p(shard, epoch, previous_seq, seq, hash, at,
         lane_generation, lane_sequence, lane_time, sent, got, unconfirmed_seq, evt_seq, flushed_seq,
         trying, tries)
), held as (
  select p.* from shards s join part p on p.shard = s.shard
  where s.epoch = p.epoch and s.seq = p.previous_seq
  order by s.shard for update of s
), advanced as (
  update shards s set
    seq = h.seq, hash = h.hash, at = h.at,
    lane_generation = h.lane_generation, lane_sequence = h.lane_sequence, lane_time = h.lane_time,
    sent = coalesce(h.sent, s.sent), got = coalesce(h.got, s.got), unconfirmed_seq = h.unconfirmed_seq,
    evt_seq = greatest(s.evt_seq, h.evt_seq), flushed_seq = greatest(s.flushed_seq, h.flushed_seq),
    trying = h.trying, tries = h.tries
  from held h where s.shard = h.shard
  returning s.shard, s.epoch, s.seq
), stored as (
  insert into events (shard, seq, epoch, commit_seq, org, actor, version, type, schema, at, body, hash)
  select e.shard, e.seq, a.epoch, a.seq, e.org, e.actor, e.version, e.type, e.schema, e.at, e.body, e.hash
  from unnest($15::int2[], $16::int8[], $17::int4[], $18::bytea[], $19::int4[], $20::int2[], $21::int2[], $22::int8[],
              $23::bytea[], $24::bytea[])
    as e(shard, seq, org, actor, version, type, schema, at, body, hash)
  join advanced a on a.shard = e.shard
), remembered as (
  insert into commands (shard, command_id, fingerprint, org, actor_type, actor_id, seq, expires_at)
  select c.* from unnest($25::int2[], $26::text[], $27::text[], $28::text[], $29::text[], $30::text[], $31::int8[], $32::int8[])
    as c(shard, command_id, fingerprint, org, actor_type, actor_id, seq, expires_at)
  join advanced a on a.shard = c.shard
)
select coalesce(array_agg(shard), '{}') as written, (extract(epoch from clock_timestamp()) * 1000000)::int8 as now
from advanced`;

/** A row of `events` on its way in. */
interface Coded {
  readonly event: StoredEvent;
  readonly org: number;
  readonly type: number;
}

/** The statement's values. Every name must have its code by now. */
export function commitValues(parts: readonly CommitPart[], dictionary: Dictionary): Buffer[] {
  const events: Coded[] = [];
  const commands: (RememberedCommand & { readonly shard: number })[] = [];
  for (const part of parts) {
    for (const event of part.events) events.push({ event, ...dictionary.codesOf(event) });
    for (const command of part.commands) commands.push({ shard: part.shard, ...command });
  }
  return [
    int2Array(parts, (p) => p.shard),
    int4Array(parts, (p) => p.epoch),
    int8Array(parts, (p) => p.previousSeq),
    int8Array(parts, (p) => p.seq),
    byteaArray(parts, (p) => p.hash),
    int8Array(parts, (p) => p.at),
    int4Array(parts, (p) => p.lane.generation),
    int8Array(parts, (p) => p.lane.sequence),
    int8Array(parts, (p) => BigInt(p.lane.time)),
    byteaArray(parts, (p) => (p.sent ? encodeCounters(p.sent) : null)),
    byteaArray(parts, (p) => (p.got ? encodeCounters(p.got) : null)),
    int8Array(parts, (p) => p.unconfirmedSeq),
    int8Array(parts, (p) => p.evtSeq),
    int8Array(parts, (p) => p.flushedSeq),
    int2Array(events, (e) => e.event.shard),
    int8Array(events, (e) => e.event.seq),
    int4Array(events, (e) => e.org),
    byteaArray(events, (e) => e.event.actorKey),
    int4Array(events, (e) => e.event.version),
    int2Array(events, (e) => e.type),
    int2Array(events, (e) => e.event.schema),
    int8Array(events, (e) => e.event.at),
    byteaArray(events, (e) => e.event.body),
    byteaArray(events, (e) => e.event.hash),
    int2Array(commands, (c) => c.shard),
    textArray(commands, (c) => c.commandId),
    textArray(commands, (c) => c.fingerprint),
    textArray(commands, (c) => c.actor.org),
    textArray(commands, (c) => c.actor.type),
    textArray(commands, (c) => c.actor.id),
    int8Array(commands, (c) => c.seq),
    int8Array(commands, (c) => c.expiresAt),
    textArray(parts, (p) => p.probation?.trying ?? null),
    int2Array(parts, (p) => p.probation?.tries ?? 0),
  ];
}
