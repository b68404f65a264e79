import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { micros, type Seq, seq, shard } from '../brand.ts';
import type { StoredEvent } from '../event.ts';
import type { Log } from '../log.ts';
import { Chain, drafts, positions } from '../testing/chain.ts';
import { makeDatabase, type TestDatabase } from '../testing/database.ts';
import { logStart, migrate, openPostgresLog, openPostgresStore, type PostgresStore, parseApiKey } from './index.ts';

let database: TestDatabase;
let store: PostgresStore;

beforeAll(async () => {
  database = await makeDatabase(inject('databaseUrl'));
  await migrate(database.url);
  store = openPostgresStore(database.url);
});
afterAll(async () => {
  await store?.close();
  await database?.drop();
});

describe('API keys', () => {
  it('are told once, and known by the hash of their secret', async () => {
    const { key, text } = await store.apiKeys.create({ org: 'acme', name: ' first ', scopes: ['read', 'write'] });
    expect(text).toMatch(/^astra_[0-9a-z]{26}_[A-Za-z0-9-]{43}$/);
    expect(key).toMatchObject({ org: 'acme', name: 'first', scopes: ['read', 'write'], revokedAt: undefined });
    const entry = (await store.apiKeys.load()).find(({ id }) => id === key.id);
    expect(parseApiKey(text)).toEqual({ id: key.id, hash: entry?.hash });
    const table = JSON.stringify(await database.query('select * from api_keys'));
    expect(table).not.toContain(text.split('_')[2]);
  });

  it('are not loaded any more once they are revoked, and stay in the list', async () => {
    const { key } = await store.apiKeys.create({ org: 'gone', name: 'short-lived', scopes: ['admin'] });
    expect(await store.apiKeys.revoke(key.id)).toBe(true);
    expect(await store.apiKeys.revoke(key.id)).toBe(false);
    expect(await store.apiKeys.revoke('nobody')).toBe(false);
    expect((await store.apiKeys.load()).map(({ id }) => id)).not.toContain(key.id);
    const [listed] = await store.apiKeys.list('gone');
    expect(listed?.revokedAt).toBeInstanceOf(Date);
    expect(listed).not.toHaveProperty('hash');
  });

  it('are listed by org (I10)', async () => {
    await store.apiKeys.create({ org: 'one', name: 'a', scopes: [] });
    await store.apiKeys.create({ org: 'two', name: 'b', scopes: [] });
    expect((await store.apiKeys.list('one')).map(({ name }) => name)).toEqual(['a']);
    expect((await store.apiKeys.list()).map(({ org }) => org)).toEqual(expect.arrayContaining(['one', 'two']));
  });

  it.each([
    ['Acme', 'x'],
    ['', 'x'],
    ['acme', ' '],
    ['acme', 'a\0b'],
    ['acme', 'x'.repeat(101)],
  ])('are refused to org %j with name %j', async (org, name) => {
    await expect(store.apiKeys.create({ org, name, scopes: [] })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it.each(['', 'astra_', 'astra_x_y', 'Bearer astra_0', `astra_${'0'.repeat(26)}_${'a'.repeat(42)}`])(
    'are not %j',
    (text) => expect(parseApiKey(text)).toBeUndefined(),
  );
});

describe('artifacts', () => {
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const rows = async (): Promise<number> =>
    (await database.query<{ n: number }>('select count(*)::int as n from artifacts'))[0]?.n as number;

  it('come back whole and in ranges, across chunks', async () => {
    const bytes = randomBytes(2.5 * 1024 * 1024);
    const pieces = async function* (): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += 300_000) yield bytes.subarray(at, at + 300_000);
    };
    expect(await store.artifacts.put('acme', pieces())).toEqual({ sha256: sha256(bytes), size: bytes.length });
    const get = async (start: number, end: number): Promise<Buffer> => {
      const found = await store.artifacts.get('acme', sha256(bytes), { start, end });
      expect(found?.info.size).toBe(bytes.length);
      return buffer((found as { content: NodeJS.ReadableStream }).content as never);
    };
    const whole = await store.artifacts.get('acme', sha256(bytes));
    expect(bytes.equals(await buffer(whole?.content as never))).toBe(true);
    for (const [start, end] of [
      [0, 0],
      [1_048_570, 1_048_580],
      [1_048_576, 2_097_151],
      [2_600_000, bytes.length - 1],
      [5, bytes.length + 100],
    ] as const)
      expect(bytes.subarray(start, end + 1).equals(await get(start, end))).toBe(true);
  });

  it('may be empty', async () => {
    const empty = await store.artifacts.put('acme', new Uint8Array());
    const found = await store.artifacts.get('acme', empty.sha256);
    expect(found?.info).toEqual({ size: 0 });
    expect(await buffer(found?.content as never)).toHaveLength(0);
  });

  it('are stored once for each org, also when the same come at once', async () => {
    const bytes = randomBytes(1000);
    const before = await rows();
    await Promise.all([1, 2, 3, 4].map(() => store.artifacts.put('acme', bytes)));
    await store.artifacts.put('acme', bytes);
    expect(await rows()).toBe(before + 1);
  });

  it('are those of an org alone (I10)', async () => {
    const { sha256: hash } = await store.artifacts.put('one', randomBytes(100));
    expect(await store.artifacts.stat('one', hash)).toEqual({ size: 100 });
    expect(await store.artifacts.stat('two', hash)).toBeUndefined();
    expect(await store.artifacts.get('two', hash)).toBeUndefined();
    expect(await store.artifacts.get('one', "'; drop table artifacts")).toBeUndefined();
  });

  it('leave nothing behind when they are too large or their source fails', async () => {
    const before = await rows();
    const large = store.artifacts.put('acme', randomBytes(3_000_000), { bytesMax: 2_000_000 });
    await expect(large).rejects.toMatchObject({ kind: 'rejected', code: 'artifact_too_large' });
    const failing = new Readable({
      read(): void {
        this.destroy(new Error('the client went away'));
      },
    });
    await expect(store.artifacts.put('acme', failing)).rejects.toThrow('the client went away');
    expect(await rows()).toBe(before);
    expect(
      await database.query('select from artifact_chunks where artifact not in (select id from artifacts)'),
    ).toEqual([]);
  });

  it('delete an upload that was given up', async () => {
    await database.query(
      `insert into artifacts (org, created_at) values ('acme', now() - interval '2 hours'), ('acme', now() - interval '1 minute')`,
    );
    await store.artifacts.put('acme', randomBytes(10));
    const left = await database.query('select from artifacts where sha256 is null');
    expect(left).toHaveLength(1);
  });
});

describe('history', () => {
  let log: Log;
  const key = Buffer.from('0190aabbccdd70008000000000000001', 'hex');
  const written: StoredEvent[] = [];

  beforeAll(async () => {
    log = await openPostgresLog(database.url);
    const chains = (await log.claim('a', 60_000)).map((row) => new Chain(row));
    let at = 1_700_000_000_000_000;
    for (let round = 0; round < 12; round++) {
      const parts = chains.slice(0, 5).map((chain) =>
        chain.part(
          drafts(10).map((_, i) => ({
            at: micros(at++),
            org: i % 2 ? 'two' : 'one',
            actorType: i % 5 ? 'thing' : 'box',
            ...(chain.row.shard === 3 ? { actorKey: i === 4 ? Buffer.concat([key, Buffer.from('m')]) : key } : {}),
          })),
        ),
      );
      await log.commit(parts);
      for (const [i, part] of parts.entries()) {
        (chains[i] as Chain).landed(part);
        written.push(...part.events);
      }
    }
    written.sort((a, b) => a.at - b.at);
  });
  afterAll(() => log?.close());

  const pages = async (filter: { org: string; type?: string; actorType?: string }, limit: number) => {
    const found: StoredEvent[] = [];
    let after: readonly Seq[] = logStart(64);
    for (let more = true; more; ) {
      const page = await store.history.ofLog(filter, after, limit);
      expect(page.events.length).toBeLessThanOrEqual(limit);
      found.push(...page.events);
      after = page.cursor;
      more = page.more;
    }
    return found;
  };

  it('pages through the log in order of time, each event once', async () => {
    const wanted = written.filter(({ org }) => org === 'one');
    for (const limit of [1, 7, 1000]) expect(positions(await pages({ org: 'one' }, limit))).toEqual(positions(wanted));
    expect((await pages({ org: 'one' }, 100))[0]).toEqual(wanted[0]);
  });

  it('shows what was asked for, and nothing of another org (I10)', async () => {
    const boxes = written.filter(({ org, actorType }) => org === 'two' && actorType === 'box');
    expect(positions(await pages({ org: 'two', actorType: 'box' }, 50))).toEqual(positions(boxes));
    expect(positions(await pages({ org: 'two', type: 'ThingHappened' }, 500))).toHaveLength(300);
    expect(await pages({ org: 'two', type: 'Nothing' }, 50)).toEqual([]);
    expect(await pages({ org: 'three' }, 50)).toEqual([]);
  });

  it('goes on with what came later', async () => {
    const first = await store.history.ofLog({ org: 'one' }, logStart(64), 1000);
    expect(first.events.length).toBeGreaterThan(0);
    const chain = new Chain((await log.heads([shard(60)]))[0] as never);
    await log.commit([chain.part([{ org: 'later' }])]);
    expect(positions((await store.history.ofLog({ org: 'later' }, first.cursor, 10)).events)).toEqual(['60:1']);
  });

  it("follows one actor's versions", async () => {
    const own = written.filter((event) => event.org === 'one' && event.actorKey.equals(key));
    const at = { shard: shard(3), org: 'one', key };
    expect(await store.history.ofActor(at, 0, 5)).toEqual(own.slice(0, 5));
    expect(await store.history.ofActor(at, own[4]?.version as number, 3)).toEqual(own.slice(5, 8));
    expect(await store.history.ofActor({ ...at, org: 'three' }, 0, 5)).toEqual([]);
    expect(await store.history.ofActor({ ...at, shard: shard(4) }, 0, 5)).toEqual([]);
  });

  it('follows an actor with its family', async () => {
    const family = written.filter((event) => event.org === 'one' && event.shard === 3);
    const at = { shard: shard(3), org: 'one', key };
    expect(await store.history.ofFamily(at, seq(0), 7)).toEqual(family.slice(0, 7));
    expect(await store.history.ofFamily(at, family[6]?.seq as Seq, 1000)).toEqual(family.slice(7));
  });
});

it('pings', async () => {
  await store.ping();
  const nowhere = openPostgresStore('postgres://nobody@127.0.0.1:1/none');
  await expect(nowhere.ping()).rejects.toMatchObject({ kind: 'unavailable', code: 'postgres_unavailable' });
  await nowhere.close();
});
