import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { micros, type Seq, seq, shard } from '../brand.ts';
import type { Log, ShardRow, StoredSnapshot } from '../log.ts';
import { Chain } from '../testing/chain.ts';
import { makeDatabase, type TestDatabase } from '../testing/database.ts';
import { migrate, openPostgresLog } from './index.ts';

describe('snapshots that somebody deletes', () => {
  const of = shard(3);
  let database: TestDatabase;
  let log: Log;
  let row: ShardRow;
  beforeEach(async () => {
    database = await makeDatabase(inject('databaseUrl'));
    await migrate(database.url);
    log = await openPostgresLog(database.url, 'test');
    row = (await log.claim('a', 60_000, [of]))[0] as ShardRow;
    await log.commit([new Chain(row).part([{}])]);
    expect(await write([due, undue, other])).toBe('written');
  });
  afterEach(async () => {
    await log?.close();
    await database?.drop();
  });

  const snapshot = (last: number, when: number | null): StoredSnapshot => ({
    org: 'default',
    actorType: 'thing',
    actorKey: Buffer.alloc(16, last),
    version: 1,
    seq: seq(1),
    behaviorVersion: 1,
    due: when === null ? null : micros(when),
    state: Buffer.from('state'),
  });
  const [due, undue, other] = [snapshot(1, 5), snapshot(2, null), snapshot(3, 0)] as const;
  const write = (snapshots: readonly StoredSnapshot[], ended: readonly StoredSnapshot[] = []) =>
    log.writeSnapshots({ shard: of, epoch: row.epoch, wholeTo: seq(1), begins: true, snapshots, ended });
  const whole = (): Promise<Seq | undefined> => log.snapshotsWholeTo(of);
  const remove = (key: Buffer) => database.query('delete from snapshots where actor_id = $1', [key]);

  it('are known to be gone, be it one of an actor that is due, or all', async () => {
    await remove(due.actorKey);
    expect(await whole()).toBeUndefined();
    expect(await write([due])).toBe('written');
    await database.query('truncate snapshots');
    expect(await whole()).toBeUndefined();
  });

  it('are not missed where nothing of them waits for a time, or a kernel forgets them', async () => {
    await remove(undue.actorKey);
    await write([], [due]);
    expect((await log.dueActors(of, { after: micros(-1), upTo: micros(9) })).map(({ actorKey }) => actorKey)).toEqual([
      other.actorKey,
    ]);
    expect(await whole()).toBe(1);
  });

  it('of one shard leave the others alone', async () => {
    const [four] = await log.claim('a', 60_000, [shard(4)]);
    const part = { shard: shard(4), epoch: (four as ShardRow).epoch, wholeTo: seq(1), begins: true, ended: [] };
    await log.writeSnapshots({ ...part, snapshots: [due] });
    await database.query('delete from snapshots where shard = 4 and actor_id = $1', [due.actorKey]);
    expect(await whole()).toBe(1);
    expect(await log.snapshotsWholeTo(shard(4))).toBeUndefined();
  });
});
