import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { micros, type Shard, seq, shard } from '../brand.ts';
import { AstraError } from '../errors.ts';
import type { CommitPart, Log, ShardRow } from '../log.ts';
import { Chain, collect, drafts, positions } from '../testing/chain.ts';
import { makeDatabase, type TestDatabase } from '../testing/database.ts';
import { TcpProxy } from '../testing/tcp-proxy.ts';
import { until } from '../testing/until.ts';
import { ReadPool } from './connection.ts';
import { migrate, openPostgresLog } from './index.ts';

const longMs = 60_000;

describe('the log on Postgres, when things go wrong', () => {
  let template: TestDatabase;
  let database: TestDatabase;
  let proxy: TcpProxy;
  /** Through the proxy. */
  let log: Log;

  beforeAll(async () => {
    template = await makeDatabase(inject('databaseUrl'));
    await migrate(template.url);
  });
  afterAll(() => template?.drop());
  beforeEach(async () => {
    database = await makeDatabase(inject('databaseUrl'), template);
    proxy = new TcpProxy(database.url);
    await proxy.listen();
    log = await openPostgresLog(proxy.url, 'faults');
  });
  afterEach(async () => {
    await log.close();
    await proxy.close();
    await database.drop();
  });

  const claimed = async (of: number): Promise<Chain> =>
    new Chain((await log.claim('a', longMs, [shard(of)]))[0] as ShardRow);
  const failure = async (work: Promise<unknown>): Promise<AstraError> => {
    const error = await work.then(
      () => expect.fail('expected a failure'),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(AstraError);
    return error as AstraError;
  };
  const write = async (chain: Chain, part: CommitPart): Promise<void> => {
    expect([...(await log.commit([part])).written]).toEqual([part.shard]);
    chain.landed(part);
  };
  const stored = async (of: Shard): Promise<string[]> => positions(await collect(log.read(of, seq(0))));
  /** Holds a shard's row, as a commit under way does. */
  const holding = async (of: Shard): Promise<{ letGo(): Promise<void> }> => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select from shards where shard = $1 for update', [of]);
    return {
      letGo: async () => {
        await client.query('rollback');
        await client.end();
      },
    };
  };
  const waiting = (count: number): Promise<boolean> =>
    until(async () => {
      const rows = await database.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      return rows[0]?.n === count;
    });

  const deadlocks = async (): Promise<number> =>
    (
      await database.query<{ n: number }>(
        'select deadlocks::int as n from pg_stat_database where datname = current_database()',
      )
    )[0]?.n as number;

  it('says which data it refuses, and has written nothing of it', async () => {
    await database.query(`alter table events add constraint no_badness check (version <> 666)`);
    const [three, four] = [await claimed(3), await claimed(4)];
    const bad = [three.part(drafts(2)), four.part([{}, { version: 666 }])];
    const error = await failure(log.commit(bad));
    expect(error).toMatchObject({ kind: 'rejected', code: 'data_refused' });
    expect(error.message).not.toContain('insert');
    expect(await stored(shard(3))).toEqual([]);
    await write(three, three.part(drafts(2)));
    await write(four, four.part(drafts(2)));
  });

  it('refuses a NUL in a name as data', async () => {
    const chain = await claimed(3);
    expect(await failure(log.commit([chain.part([{ org: 'a\0b' }])]))).toMatchObject({ code: 'data_refused' });
    expect(await failure(log.commit([chain.part([{ type: 'a\0b' }])]))).toMatchObject({ code: 'data_refused' });
    await write(chain, chain.part(drafts(1)));
  });

  it('does not know what became of a commit that Postgres never heard; settling finds nothing written', async () => {
    const chain = await claimed(3);
    await write(chain, chain.part(drafts(2)));
    proxy.mode = 'hold';
    const committing = failure(log.commit([chain.part(drafts(2))]));
    await until(() => proxy.swallowed > 0);
    proxy.cut();
    expect(await committing).toMatchObject({ kind: 'indeterminate', code: 'commit_outcome_unknown' });
    const [row] = await log.reclaim('a', longMs, [chain.row]);
    expect(row).toMatchObject({ epoch: 2, seq: 2, hash: chain.row.hash });
    const next = new Chain(row as ShardRow);
    await write(next, next.part(drafts(2)));
  });

  it('does not know what became of a commit whose answer was lost; settling finds it written', async () => {
    const chain = await claimed(3);
    await write(chain, chain.part(drafts(2)));
    const part = chain.part(drafts(2));
    proxy.mode = 'deafen';
    const committing = failure(log.commit([part]));
    await until(() => proxy.swallowed > 0);
    proxy.cut();
    expect(await committing).toMatchObject({ kind: 'indeterminate', code: 'commit_outcome_unknown' });
    const [row] = await log.reclaim('a', longMs, [chain.row]);
    expect(row).toMatchObject({ epoch: 2, seq: 4, hash: part.hash });
    expect(await collect(log.read(shard(3), seq(2)))).toEqual(part.events);
  });

  it('waits for a straggling commit before it settles', async () => {
    const chain = await claimed(3);
    const part = chain.part(drafts(2));
    const held = await holding(shard(3));
    const committing = failure(log.commit([part]));
    await waiting(1);
    proxy.cut();
    expect(await committing).toMatchObject({ kind: 'indeterminate' });
    const settling = log.reclaim('a', longMs, [chain.row]);
    await waiting(2);
    await held.letGo();
    expect((await settling)[0]).toMatchObject({ epoch: 2, seq: 2, hash: part.hash });
  });

  it('does not know what became of a commit whose backend was ended', async () => {
    const chain = await claimed(3);
    const held = await holding(shard(3));
    const committing = failure(log.commit([chain.part(drafts(2))]));
    await waiting(1);
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'faults-commit' and datname = current_database()`,
    );
    expect(await committing).toMatchObject({ kind: 'indeterminate', code: 'commit_outcome_unknown' });
    await held.letGo();
    const [row] = await log.reclaim('a', longMs, [chain.row]);
    expect(row).toMatchObject({ epoch: 2, seq: 0 });
  });

  it('reads the actors of many shards with one statement', async () => {
    const statements = vi.spyOn(ReadPool.prototype, 'rows');
    try {
      const actors = [{ org: 'default', key: Buffer.alloc(16, 7), family: false }];
      const chain = await claimed(3);
      await write(chain, chain.part([{ actorKey: Buffer.alloc(16, 7) }]));
      const shards = Array.from({ length: 20 }, (_, i) => shard(i));
      const all = await Promise.all(shards.map((of) => log.readActors(of, actors)));
      expect(all.map(({ events }) => positions(events)).filter((of) => of.length > 0)).toEqual([['3:1']]);
      expect(statements.mock.calls.filter(([, , name]) => name === 'read-actors')).toHaveLength(1);
    } finally {
      statements.mockRestore();
    }
  });

  it('reads the actors of one shard, whatever is wrong with those of another that are read with them', async () => {
    for (const of of [3, 4]) {
      const chain = await claimed(of);
      await write(chain, chain.part([{ actorKey: Buffer.alloc(16, 7) }]));
    }
    await database.query('update events set type = 999 where shard = 4');
    const read = (of: number) =>
      log.readActors(shard(of), [{ org: 'default', key: Buffer.alloc(16, 7), family: false }]);
    const [right, wrong] = await Promise.all([read(3), failure(read(4))]);
    expect(positions(right.events)).toEqual(['3:1']);
    expect(wrong).toMatchObject({ kind: 'corrupt', code: 'unknown_code' });
  });

  it('says unavailable while nothing listens, and goes on by itself', async () => {
    const chain = await claimed(3);
    await proxy.close();
    const down = { kind: 'unavailable', code: 'postgres_unavailable' };
    // The first may still have been under way on a connection that broke.
    await failure(log.commit([chain.part(drafts(1))]));
    expect(await failure(log.commit([chain.part(drafts(1))]))).toMatchObject(down);
    for (const work of [
      () => log.meta(),
      () => log.renew('a', longMs),
      () => log.claim('a', longMs),
      () => log.heads(),
      () => log.findCommands(shard(3), ['x']),
      () => log.readActors(shard(3), [{ org: 'default', key: Buffer.alloc(16), family: true }]),
      () => log.dueActors(shard(3), { after: micros(0), upTo: micros(1) }),
      () => log.snapshotsWholeTo(shard(3)),
      () => log.writeSnapshots({ ...chain.row, wholeTo: seq(0), begins: true, snapshots: [], ended: [] }),
      () => stored(shard(3)),
      () => log.subjectKeys('default', ['ada']),
      () => openPostgresLog(proxy.url),
    ]) {
      const error = await failure(work());
      expect(error).toMatchObject(down);
      expect(error.message).not.toMatch(/select|password/i);
    }
    await proxy.listen();
    await write(chain, chain.part(drafts(1)));
    expect(await log.renew('a', longMs)).toEqual([3]);
    expect(await stored(shard(3))).toEqual(['3:1']);
  });

  it.each(['40P01', '40001'])('takes a statement again that Postgres gave up for another one (%s)', async (state) => {
    await database.query(`create sequence victims`);
    await database.query(
      `create function give_up() returns trigger language plpgsql as $$ begin
         if nextval('victims') <= 2 then raise exception 'one has to give way' using errcode = '${state}'; end if;
         return new;
       end $$`,
    );
    await database.query('create trigger give_up before update on shards for each row execute function give_up()');
    await database.query('alter table shards disable trigger give_up');
    const chain = await claimed(3);
    await database.query('alter table shards enable trigger give_up');
    await write(chain, chain.part(drafts(1)));
    expect(await database.query('select last_value::int as n from victims')).toEqual([{ n: 3 }]);
  });

  it('never deadlocks with leases and settling: all of them lock in order of shard', async () => {
    const other = await openPostgresLog(database.url, 'other');
    const chains = (await log.claim('a', longMs)).map((row) => new Chain(row));
    let done = false;
    const renewing = async (): Promise<void> => {
      while (!done) expect(await other.renew('a', longMs)).toHaveLength(64);
    };
    const committing = async (): Promise<void> => {
      for (let round = 0; round < 30; round++) {
        // Backwards, so that only the statement itself can bring them into order.
        const parts = chains.map((chain) => chain.part(drafts(1))).reverse();
        expect((await log.commit(parts)).written.size).toBe(64);
        for (const part of parts) (chains[part.shard] as Chain).landed(part);
      }
      done = true;
    };
    const before = await deadlocks();
    await Promise.all([renewing(), committing()]);
    await other.close();
    expect(await deadlocks()).toBe(before);
  });

  it('ends a page where bodies become too many bytes, and has at least one event in it', async () => {
    const chain = await claimed(3);
    const large = { body: Buffer.alloc(5 * 1024 * 1024, 1) };
    await write(chain, chain.part([{}, large, {}, {}, large, large, {}]));
    const pages: number[][] = [];
    for await (const page of log.read(shard(3), seq(0))) pages.push(page.map((event) => event.seq));
    expect(pages).toEqual([
      [1, 2, 3, 4, 5],
      [6, 7],
    ]);
  });

  it('goes from segment to segment, each made ahead', async () => {
    const segment = 2 ** 20;
    await database.query('update shards set seq = $1 where shard = 3', [3 * segment - 2]);
    const chain = await claimed(3);
    await write(chain, chain.part(drafts(4)));
    const read = await collect(log.read(shard(3), seq(0)));
    expect(read.map((event) => event.seq - 3 * segment)).toEqual([-1, 0, 1, 2]);
    const tables = await database.query<{ name: string; n: number }>(
      'select tableoid::regclass::text as name, count(*)::int as n from events group by 1 order by 1',
    );
    expect(tables).toEqual([
      { name: 'events_2', n: 1 },
      { name: 'events_3', n: 3 },
    ]);
    chain.row = { ...chain.row, seq: seq(4 * segment - 100) };
    await database.query('update shards set seq = $1 where shard = 3', [chain.row.seq]);
    await write(chain, chain.part(drafts(1)));
    await until(async () => (await database.query(`select from pg_class where relname = 'events_4'`)).length === 1);
    const indexes = await database.query<{ name: string }>(
      `select indexname as name from pg_indexes where tablename = 'events_4' order by 1`,
    );
    expect(indexes.map(({ name }) => name)).toEqual(['events_4_actor', 'events_4_pk']);
  });

  it('drops days of commands that are over, and makes them again when it has to', async () => {
    const chain = await claimed(3);
    const { now } = await log.meta();
    const expired = {
      commandId: 'old',
      fingerprint: 'f',
      actor: { org: 'default', type: 'goal', id: 'gl_0' },
      seq: seq(1),
      expiresAt: micros(now - 10 * 86_400_000_000),
    };
    await write(chain, chain.part([], { commands: [expired] }));
    const days = (): Promise<unknown[]> =>
      database.query(`select from pg_inherits where inhparent = 'commands'::regclass`);
    await until(async () => (await days()).length === 0);
    await write(chain, chain.part(drafts(1), { commands: [expired] }));
    expect(await log.findCommands(shard(3), ['old'])).toEqual([]);
  });

  it('refuses a Postgres that may lose commits', async () => {
    const name = new URL(database.url).pathname.slice(1);
    await database.query(`alter database ${name} set synchronous_commit = off`);
    const error = await failure(openPostgresLog(database.url));
    expect(error).toMatchObject({ kind: 'rejected', code: 'postgres_not_durable' });
    expect(error.message).toContain('synchronous_commit = off');
  });
});
