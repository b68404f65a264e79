import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { makeDatabase, type TestDatabase } from '../testing/database.ts';
import { commitText } from './commit-statement.ts';
import { findCommandsText } from './find-commands.ts';
import { ofActorText, ofLogText } from './history.ts';
import { migrate } from './index.ts';
import { readActorsText } from './read-actors.ts';
import { readShardText } from './read-shard.ts';
import { dueWithinText, writeSnapshotsText } from './snapshots.ts';

/** Each hot statement, as it is planned once and for all parameters: on tables large enough for a bad plan to show. */
describe('plans of the hot statements', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await makeDatabase(inject('databaseUrl'));
    await migrate(database.url);
    await database.query(
      `insert into events (shard, seq, epoch, commit_seq, org, actor, version, type, schema, at, body, hash)
       select shard, seq, 1, seq, 1, sha256(int4send(shard) || int4send(seq / 5)), seq % 5, 1, 1, seq, '', sha256(int4send(seq))
       from generate_series(0, 63) shard, generate_series(1048000, 1049200) seq`,
    );
    await database.query(
      `select make_commands_day(floor(extract(epoch from now()) / 86400)::int + n) from generate_series(0, 7) n`,
    );
    await database.query(
      `insert into commands (shard, command_id, fingerprint, org, actor_type, actor_id, seq, expires_at)
       select n % 64, n::text, 'f', 'default', 'goal', 'gl_0', n, extract(epoch from now()) * 1000000 + 86400000000::int8 * (n % 8)
       from generate_series(1, 40000) n`,
    );
    await database.query(
      `insert into snapshots (shard, org, actor_type, actor_id, seq, version, behavior_version, due, state)
       select n % 64, 1, 'goal', sha256(int4send(n)), n, 1, 1, n, '' from generate_series(1, 40000) n`,
    );
    await database.query('analyze');
  });
  afterAll(() => database?.drop());

  const plan = async (text: string): Promise<string> => {
    const rows = await database.query<{ 'QUERY PLAN': string }>(`explain (generic_plan, costs off) ${text}`);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };

  it('reading a shard walks the primary key, in order, without a sort', async () => {
    const found = await plan(readShardText);
    expect(found).toMatch(/Index Scan using events_1_pk/);
    expect(found).not.toMatch(/Seq Scan|Sort\b|Bitmap/);
  });

  it('reading actors takes each range from the index of actors', async () => {
    const found = await plan(readActorsText);
    expect(found).toMatch(/using events_1_actor|on events_1_actor/);
    expect(found).not.toMatch(/Seq Scan|events_\d_pk/);
  });

  it('reading actors takes each snapshot from the primary key', async () => {
    expect(await plan(readActorsText)).toMatch(/Index Scan using snapshots_pk/);
  });

  it('what is due is a range of its index, in order', async () => {
    const found = await plan(dueWithinText);
    expect(found).toMatch(/Index Scan using snapshots_due/);
    expect(found).not.toMatch(/Seq Scan|Sort\b/);
  });

  it('writing snapshots finds every row by its key', async () => {
    const found = await plan(writeSnapshotsText);
    expect(found).not.toMatch(/Seq Scan on snapshots/);
  });

  it('a history takes versions from the index of actors, in order', async () => {
    const found = await plan(ofActorText);
    expect(found).toMatch(/Index Scan using events_1_actor/);
    expect(found).not.toMatch(/Seq Scan|Sort\n|_pk/);
  });

  it('a page of the whole log is a bounded walk of each shard', async () => {
    const found = await plan(ofLogText);
    expect(found).toMatch(/Index Scan using events_1_pk/);
    expect(found).not.toMatch(/Seq Scan/);
  });

  it('finding commands looks ids up', async () => {
    const found = await plan(findCommandsText);
    expect(found).toMatch(/using commands_\d+_id|on commands_\d+_id/);
    expect(found).not.toMatch(/Seq Scan/);
  });

  it('a group commit locks rows of shards in order before it changes anything', async () => {
    const found = await plan(commitText);
    expect(found).toMatch(/LockRows\n\s+->\s+Sort\n\s+Sort Key: p\.shard/);
    expect(found).not.toMatch(/Seq Scan on (events|commands)/);
  });
});
