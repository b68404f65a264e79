import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { encodeId } from '../ids.ts';
import { makeDatabase, type TestDatabase } from '../testing/database.ts';
import { openPostgresLog } from './index.ts';
import { migrate } from './migrate.ts';

const published = new URL('../../migrations/', import.meta.url);

describe('migrations', () => {
  let database: TestDatabase;
  /** The published migrations, to be changed. */
  let folder: string;
  beforeEach(async () => {
    database = await makeDatabase(inject('databaseUrl'));
    folder = mkdtempSync(join(tmpdir(), 'migrations-'));
    cpSync(published, folder, { recursive: true });
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await database.drop();
  });
  const run = (): Promise<readonly string[]> => migrate(database.url, pathToFileURL(`${folder}/`));
  const names = readdirSync(published).sort();

  it('run once, in order', async () => {
    expect(await run()).toEqual(names);
    expect(await run()).toEqual([]);
    await (await openPostgresLog(database.url)).close();
  });

  it('run once when several begin together', async () => {
    const done = await Promise.all([run(), run(), run()]);
    expect(done.flat()).toEqual(names);
  });

  it('keep one identity', async () => {
    await run();
    const before = await database.query('select database_id from meta');
    await run();
    expect(await database.query('select database_id from meta')).toEqual(before);
  });

  it('leave nothing half-done when one fails, and go on where they stopped', async () => {
    const next = join(folder, '9000-next.sql');
    writeFileSync(next, 'create table half (n integer); select 1 / 0;');
    await expect(run()).rejects.toMatchObject({ kind: 'rejected' });
    expect((await database.query(`select to_regclass('half') as half`))[0]).toEqual({ half: null });
    writeFileSync(next, 'create table half (n integer);');
    expect(await run()).toEqual(['9000-next.sql']);
  });

  it('refuse one that was changed after it ran', async () => {
    await run();
    writeFileSync(join(folder, names[0] as string), `${readFileSync(join(folder, names[0] as string))}-- better\n`);
    await expect(run()).rejects.toMatchObject({ kind: 'corrupt', code: 'migration_changed' });
  });

  it('refuse a database of a newer program, and say what to do', async () => {
    writeFileSync(join(folder, '9000-next.sql'), 'create table next (n integer);');
    await run();
    for (const open of [() => migrate(database.url), () => openPostgresLog(database.url)])
      await expect(open()).rejects.toMatchObject({
        kind: 'rejected',
        code: 'database_newer',
        message: expect.stringContaining('9000-next.sql'),
      });
  });

  it('refuse a database that asks for a newer program', async () => {
    await run();
    await database.query('update meta set minimum_version = 9000');
    for (const open of [() => migrate(database.url), () => openPostgresLog(database.url)])
      await expect(open()).rejects.toMatchObject({ code: 'database_newer', message: expect.stringContaining('9000') });
  });

  it('come before the log is opened', async () => {
    await expect(openPostgresLog(database.url)).rejects.toMatchObject({
      kind: 'rejected',
      code: 'database_not_migrated',
    });
  });

  it('record what was run', async () => {
    await run();
    const rows = await database.query<{ name: string; checksum: string }>(
      'select name, checksum from migrations order by 1',
    );
    for (const { name, checksum } of rows)
      expect(checksum).toBe(
        createHash('sha256')
          .update(readFileSync(new URL(name, published)))
          .digest('hex'),
      );
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  it('show ids and counters to people with SQL', async () => {
    await run();
    const [row] = await database.query(
      `select id_text(decode('0190aabbccdd70008000000000000001', 'hex') || 'fetch') as id, counters(sent)::text as sent
       from shards where shard = 3`,
    );
    const id = encodeId('x', Buffer.from('0190aabbccdd70008000000000000001', 'hex')).slice('x_'.length);
    expect(row).toEqual({ id: `${id}.fetch`, sent: `{${Array(64).fill('0')}}` });
  });
});
