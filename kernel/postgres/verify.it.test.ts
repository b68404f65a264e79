import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { seq, shard } from '../brand.ts';
import type { Log, ShardRow } from '../log.ts';
import { Chain, drafts } from '../testing/chain.ts';
import { makeDatabase, type TestDatabase } from '../testing/database.ts';
import { migrate, openPostgresLog, type Verified, verifyShard } from './index.ts';

describe('verification (I9)', () => {
  let database: TestDatabase;
  let log: Log;
  let databaseId: string;
  let of = 0;
  /** A shard with ten events of two commits and two epochs. */
  let chain: Chain;

  beforeAll(async () => {
    database = await makeDatabase(inject('databaseUrl'));
    await migrate(database.url);
    log = await openPostgresLog(database.url);
    databaseId = (await log.meta()).databaseId;
  });
  afterAll(async () => {
    await log?.close();
    await database?.drop();
  });

  const fresh = async (): Promise<void> => {
    of++;
    chain = new Chain((await log.claim('a', 60_000, [shard(of)]))[0] as ShardRow);
    const first = chain.part(drafts(4));
    await log.commit([first]);
    const [row] = await log.reclaim('a', 60_000, [chain.row]);
    chain = new Chain(row as ShardRow);
    const second = chain.part(drafts(6));
    await log.commit([second]);
    chain.landed(second);
  };
  const verify = (head = chain.row): Promise<Verified> => verifyShard(log, databaseId, shard(of), head);

  it('finds nothing in what was written', async () => {
    await fresh();
    expect(await verify()).toEqual({ shard: of, events: 10, seq: 10, flaw: undefined });
  });

  it.each([
    ['a changed body', `update events set body = '\\x81'::bytea where seq = 5`, 5],
    ['a changed time', 'update events set at = at + 1 where seq = 5', 5],
    ['a changed org', `update events set org = 999999 where seq = 7`, undefined],
    ['a removed event', 'delete from events where seq = 5', 5],
    ['a removed end', 'delete from events where seq > 8', 9],
    ['everything removed', 'delete from events', 1],
    [
      'two events in each other’s place',
      'update events e set body = o.body, version = o.version from events o where e.seq in (5, 6) and o.seq = 11 - e.seq and o.shard = e.shard',
      5,
    ],
    ['an earlier epoch behind a later one', 'update events set epoch = 1 where seq = 7', 7],
    ['a changed hash', `update events set hash = sha256('x') where seq = 10`, 10],
    ['a commit cut in two', 'update events set commit_seq = 5 where seq = 5', 5],
  ])('finds %s', async (_, tamper, at) => {
    await fresh();
    await database.query(
      `${tamper}${tamper.includes('where') ? ' and' : ' where'} ${tamper.includes(' e set') ? 'e.' : ''}shard = ${of}`,
    );
    if (at === undefined) await expect(verify()).rejects.toMatchObject({ kind: 'corrupt', code: 'unknown_code' });
    else expect((await verify()).flaw?.position).toBe(`${of}:${at}`);
  });

  it('finds another head than the last event’s', async () => {
    await fresh();
    expect((await verify({ ...chain.row, hash: Buffer.alloc(32) })).flaw?.position).toBe(`${of}:10`);
    expect((await verify({ ...chain.row, seq: seq(11) })).flaw?.position).toBe(`${of}:11`);
  });
});
