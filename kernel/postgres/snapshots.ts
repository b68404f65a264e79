import { shard as asShard, micros, type Seq, type Shard, seq } from '../brand.ts';
import { AstraError } from '../errors.ts';
import type { DueActor, DueWithin, OtherVersions, SnapshotPart, StoredSnapshot } from '../log.ts';
import { byteaArray, int4Array, int8Array, readBytes, readIntegers, textArray } from './binary-array.ts';
import type { ReadPool, SteadyConnection } from './connection.ts';
import type { Dictionary, Queryable } from './dictionary.ts';

/**
 * The row that says up to where a shard's snapshots are whole, in its column `seq`. It belongs to no actor and goes with the
 * snapshots: where they were deleted it is gone too, and recovery does not rely on them (I5).
 */
const wholeRow = `shard = $1 and org = 0 and actor_type = '' and actor_id = ''`;

/**
 * Snapshots need no flush of their own: what is committed later, such as a shard's `flushed_seq`, is flushed behind them. And what
 * is deleted here is forgotten on purpose (migrations/0004).
 */
export const snapshotSession = `set synchronous_commit = off; set astra.snapshots = 'kept'`;

/** What stands for "not due" in arrays: they have no nulls. */
const never = 2 ** 53;

/**
 *  1. `owned` compares the epoch. It locks nothing: a commit must not wait for a cache, and what a deposed owner writes
 *     in the moment of its fall is a fold of committed events all the same.
 *  2. `noted` is there only if the shard's snapshots are, or begin now. All writers of a shard meet at this row first, so none of
 *     them can deadlock.
 *  3. A snapshot replaces an older one of the same actor, or one of the same event and another behavior version; never a newer one.
 */
export const writeSnapshotsText = `
with owned as (
  select epoch = $2 as mine from shards where shard = $1
), noted as (
  insert into snapshots as s (shard, org, actor_type, actor_id, seq, version, behavior_version, state)
  select $1, 0, '', '', $3, 0, 0, '' from owned
  where mine and ($4 or exists (select from snapshots where ${wholeRow}))
  on conflict on constraint snapshots_pk do update set seq = greatest(s.seq, excluded.seq)
  returning s.seq
), written as (
  insert into snapshots as s (shard, org, actor_type, actor_id, seq, version, behavior_version, due, state)
  select $1, n.org, n.actor_type, n.actor_id, n.seq, n.version, n.behavior_version, nullif(n.due, ${never}), n.state
  from unnest($5::int4[], $6::text[], $7::bytea[], $8::int8[], $9::int4[], $10::int4[], $11::int8[], $12::bytea[])
    as n(org, actor_type, actor_id, seq, version, behavior_version, due, state)
  cross join noted
  on conflict on constraint snapshots_pk do update set
    seq = excluded.seq, version = excluded.version, behavior_version = excluded.behavior_version,
    due = excluded.due, state = excluded.state
  where s.seq < excluded.seq or (s.seq = excluded.seq and s.behavior_version <> excluded.behavior_version)
), forgotten as (
  delete from snapshots s using unnest($13::int4[], $14::text[], $15::bytea[], $16::int8[]) as e(org, actor_type, actor_id, seq), noted
  where s.shard = $1 and s.org = e.org and s.actor_type = e.actor_type and s.actor_id = e.actor_id and s.seq <= e.seq
)
select mine, exists (select from noted) as noted from owned`;

/** Writes snapshots of one shard. Every org has its code by now: its actors have events. */
export async function writeSnapshots(
  through: SteadyConnection,
  dictionary: Dictionary,
  { shard, epoch, wholeTo, begins, snapshots, ended }: SnapshotPart,
): Promise<'written' | 'fenced' | 'deleted'> {
  const rows = await through.rows<{ mine: boolean; noted: boolean }>(
    writeSnapshotsText,
    [
      shard,
      epoch,
      wholeTo,
      begins,
      int4Array(snapshots, ({ org }) => dictionary.codeOf(org)),
      textArray(snapshots, ({ actorType }) => actorType),
      byteaArray(snapshots, ({ actorKey }) => actorKey),
      int8Array(snapshots, (one) => one.seq),
      int4Array(snapshots, ({ version }) => version),
      int4Array(snapshots, ({ behaviorVersion }) => behaviorVersion),
      int8Array(snapshots, ({ due }) => due ?? never),
      byteaArray(snapshots, ({ state }) => state),
      int4Array(ended, ({ org }) => dictionary.codeOf(org)),
      textArray(ended, ({ actorType }) => actorType),
      byteaArray(ended, ({ actorKey }) => actorKey),
      int8Array(ended, (one) => one.seq),
    ],
    'write-snapshots',
  );
  const [row] = rows;
  if (!row?.mine) return 'fenced';
  return row.noted ? 'written' : 'deleted';
}

export async function snapshotsWholeTo(pool: ReadPool, of: Shard): Promise<Seq | undefined> {
  const [row] = await pool.rows<{ seq: string }>(`select seq from snapshots where ${wholeRow}`, [of], 'whole-to');
  return row && seq(Number(row.seq));
}

const dueColumns = `array_send(array_agg(d.org)) as org, array_send(array_agg(d.actor_type)) as actor_type,
  array_send(array_agg(d.actor_id)) as actor_id, array_send(array_agg(d.due)) as due`;

/** A range of the index (shard, due). */
export const dueWithinText = `
select ${dueColumns} from (
  select org, actor_type, actor_id, due from snapshots where shard = $1 and due > $2 and due <= $3 order by due
) d`;

/** All of the index's part of a shard, compared: once a recovery, behind the hot path. */
export const otherVersionsText = `
select ${dueColumns} from (
  select org, actor_type, actor_id, due from snapshots s where shard = $1 and due is not null
  and not exists (
    select from unnest($2::text[], $3::int4[]) as v(actor_type, version)
    where v.actor_type = s.actor_type and v.version = s.behavior_version
  ) order by due
) d`;

export async function dueActors(
  pool: ReadPool,
  dictionary: Dictionary,
  of: Shard,
  which: DueWithin | OtherVersions,
): Promise<readonly DueActor[]> {
  const [page] =
    'than' in which
      ? await pool.rows<DuePage>(
          otherVersionsText,
          [of, textArray([...which.than], ([type]) => type), int4Array([...which.than], ([, version]) => version)],
          'other-versions',
        )
      : await pool.rows<DuePage>(dueWithinText, [of, which.after, which.upTo], 'due-within');
  if (!page?.org) return [];
  const orgs = await orgNames(readIntegers(page.org), dictionary, pool);
  const types = readBytes(page.actor_type);
  const keys = readBytes(page.actor_id);
  const dues = readIntegers(page.due);
  return keys.map((actorKey, i) => ({
    org: orgs[i] as string,
    actorType: (types[i] as Buffer).toString(),
    actorKey,
    due: micros(dues[i] as number),
  }));
}

interface DuePage {
  readonly org: Buffer;
  readonly actor_type: Buffer;
  readonly actor_id: Buffer;
  readonly due: Buffer;
}

/** Columns of snapshots, in binary arrays: see event-page.ts. */
export const snapshotColumns = `array_send(array_agg(k.shard)) as kept_shard, array_send(array_agg(k.org)) as kept_org, array_send(array_agg(k.actor_type)) as kept_actor_type,
  array_send(array_agg(k.actor_id)) as kept_actor_id, array_send(array_agg(k.seq)) as kept_seq,
  array_send(array_agg(k.version)) as kept_version, array_send(array_agg(k.behavior_version)) as kept_behavior_version,
  array_send(array_agg(coalesce(k.due, ${never}))) as kept_due, array_send(array_agg(k.state)) as kept_state`;

/** The snapshots of a page with {@link snapshotColumns}, by shard. */
export async function snapshotsOf(
  page: Readonly<Record<string, Buffer | null>> | undefined,
  dictionary: Dictionary,
  store: Queryable,
): Promise<ReadonlyMap<Shard, readonly StoredSnapshot[]>> {
  const shards = new Map<Shard, StoredSnapshot[]>();
  if (!page?.['kept_org']) return shards;
  const integers = (name: string): number[] => readIntegers(page[`kept_${name}`] as Buffer);
  const bytes = (name: string): Buffer[] => readBytes(page[`kept_${name}`] as Buffer);
  const orgs = await orgNames(integers('org'), dictionary, store);
  const [seqs, versions, behaviorVersions, dues] = [
    integers('seq'),
    integers('version'),
    integers('behavior_version'),
    integers('due'),
  ];
  const [types, keys, states] = [bytes('actor_type'), bytes('actor_id'), bytes('state')];
  for (const [i, of] of integers('shard').entries()) {
    const snapshots = shards.get(asShard(of)) ?? [];
    shards.set(asShard(of), snapshots);
    snapshots.push({
      org: orgs[i] as string,
      actorType: (types[i] as Buffer).toString(),
      actorKey: keys[i] as Buffer,
      version: versions[i] as number,
      seq: seq(seqs[i] as number),
      behaviorVersion: behaviorVersions[i] as number,
      due: dues[i] === never ? null : micros(dues[i] as number),
      state: states[i] as Buffer,
    });
  }
  return shards;
}

async function orgNames(codes: readonly number[], dictionary: Dictionary, store: Queryable): Promise<string[]> {
  if (codes.some((code) => dictionary.orgName(code) === undefined)) await dictionary.load(store);
  return codes.map((code) => {
    const name = dictionary.orgName(code);
    if (name === undefined)
      throw new AstraError('corrupt', 'unknown_code', `a snapshot has org code ${code}, which is in no dictionary`);
    return name;
  });
}
