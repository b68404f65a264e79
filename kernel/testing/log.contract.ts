import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epoch, generation, micros, type Seq, type Shard, seq, shard } from '../brand.ts';
import { genesisHash } from '../hash.ts';
import type { CommitPart, Log, ShardRow } from '../log.ts';
import { Chain, collect, drafts, positions } from './chain.ts';
import { snapshotContract } from './snapshot.contract.ts';
import { until } from './until.ts';

/** One event store, empty, and how to look at it as another process does. */
export interface LogWorld {
  readonly log: Log;
  /** The same store, opened again. */
  another(): Promise<Log>;
  end(): Promise<void>;
}

const longMs = 60_000;
const start = seq(0);
const key = (last: number, member = ''): Buffer =>
  Buffer.concat([Buffer.from('0190aabbccdd7000800000000000', 'hex'), Buffer.from([0, last]), Buffer.from(member)]);

/** What every {@link Log} has to keep. */
export function logContract(open: () => Promise<LogWorld>): void {
  let world: LogWorld;
  let log: Log;
  beforeEach(async () => {
    world = await open();
    log = world.log;
  });
  afterEach(() => world?.end());

  const claimed = async (of: number, owner = 'a'): Promise<Chain> =>
    new Chain((await log.claim(owner, longMs, [shard(of)]))[0] as ShardRow);
  const write = async (chain: Chain, part: CommitPart): Promise<void> => {
    expect([...(await log.commit([part])).written]).toEqual([part.shard]);
    chain.landed(part);
  };
  const head = async (of: Shard): Promise<ShardRow> => (await log.heads([of]))[0] as ShardRow;
  /** Claims until the lease before has run out. */
  const takeOver = async (owner: string, of: Shard): Promise<ShardRow> => {
    for (;;) {
      const rows = await log.claim(owner, longMs, [of]);
      if (rows[0]) return rows[0];
    }
  };

  describe('its meta data', () => {
    it('stays what it was when the store was made', async () => {
      const meta = await log.meta();
      const again = await (await world.another()).meta();
      expect(again.databaseId).toBe(meta.databaseId);
      expect(again.shards).toBe(meta.shards);
      expect(meta.generation).toBe(1);
      expect(again.now).toBeGreaterThanOrEqual(meta.now);
    });

    it('has one row for each shard, chained to its genesis', async () => {
      const { shards, databaseId } = await log.meta();
      const rows = await log.heads();
      expect(rows.map((row) => row.shard)).toEqual(Array.from({ length: shards }, (_, i) => i));
      for (const row of rows) {
        expect(row).toMatchObject({ epoch: 0, owner: null, seq: 0, evtSeq: 0, flushedSeq: 0, unconfirmedSeq: 1 });
        expect(row.hash).toEqual(genesisHash(databaseId, row.shard));
        expect(row.sent).toEqual(Array.from({ length: shards }, () => 0));
        expect(row.got).toEqual(row.sent);
      }
    });
  });

  describe('claiming', () => {
    it('takes every free shard with the next epoch', async () => {
      const { shards } = await log.meta();
      const rows = await log.claim('a', longMs);
      expect(rows).toHaveLength(shards);
      for (const row of rows) expect(row).toMatchObject({ epoch: 1, owner: 'a' });
    });

    it('takes only the shards it is asked for', async () => {
      const rows = await log.claim('a', longMs, [shard(3), shard(5)]);
      expect(rows.map((row) => row.shard)).toEqual([3, 5]);
      expect(await log.renew('a', longMs)).toEqual([3, 5]);
    });

    it('takes no more than it is to, the first ones', async () => {
      expect((await log.claim('a', longMs, undefined, 2)).map((row) => row.shard)).toEqual([0, 1]);
      expect((await log.claim('b', longMs, [shard(1), shard(2), shard(5)], 1)).map((row) => row.shard)).toEqual([2]);
      expect(await log.claim('c', longMs, undefined, 0)).toEqual([]);
    });

    it('leaves what another owner holds', async () => {
      await log.claim('a', longMs, [shard(3)]);
      expect(await log.claim('b', longMs, [shard(3)])).toEqual([]);
      expect(await log.claim('a', longMs, [shard(3)])).toEqual([]);
    });

    it('takes a shard whose lease has run out', async () => {
      await log.claim('a', 1, [shard(3)]);
      expect(await takeOver('b', shard(3))).toMatchObject({ epoch: 2, owner: 'b' });
      expect(await log.renew('a', longMs)).toEqual([]);
    });

    it('gives each shard to one of two that claim at once', async () => {
      const other = await world.another();
      const [a, b] = await Promise.all([log.claim('a', longMs), other.claim('b', longMs)]);
      const all = [...a, ...b].map((row) => row.shard).sort((x, y) => x - y);
      expect(all).toEqual([...new Set(all)]);
      for (const row of await log.heads()) if (row.owner) expect(row.epoch).toBe(1);
    });

    it('keeps a shard while its lease is renewed', async () => {
      await log.claim('a', 1, [shard(3)]);
      expect(await log.renew('a', longMs)).toEqual([3]);
      expect(await log.claim('b', longMs, [shard(3)])).toEqual([]);
    });

    it('takes a shard that was given back at once', async () => {
      const held = await log.claim('a', longMs, [shard(3), shard(4)]);
      await log.release('a', held.slice(0, 1));
      expect((await head(shard(3))).owner).toBeNull();
      expect((await log.claim('b', longMs, [shard(3), shard(4)])).map((row) => row.shard)).toEqual([3]);
    });

    it('gives back only what is still held under the epoch', async () => {
      await log.claim('a', longMs, [shard(3)]);
      await log.release('a', [{ shard: shard(3), epoch: epoch(0) }]);
      await log.release('b', [{ shard: shard(3), epoch: epoch(1) }]);
      expect(await head(shard(3))).toMatchObject({ owner: 'a', epoch: 1 });
    });
  });

  describe('who lives', () => {
    it('is who has renewed lately, in the order in which they began', async () => {
      expect(await log.living(longMs)).toEqual([]);
      await log.renew('b', longMs);
      await log.renew('a', longMs);
      await log.renew('b', longMs);
      expect(await (await world.another()).living(longMs)).toEqual(['b', 'a']);
    });

    it('does not depend on what anybody owns', async () => {
      await log.claim('a', longMs);
      expect(await log.living(longMs)).toEqual([]);
    });

    it('is nobody who has been silent for longer', async () => {
      await log.renew('a', longMs);
      await until(async () => (await log.living(1)).length === 0);
      expect(await log.living(longMs)).toEqual(['a']);
    });

    it('is nobody who has left, until he renews again; what he owns is his own still', async () => {
      await log.claim('a', longMs, [shard(3)]);
      await log.renew('a', longMs);
      await log.renew('b', longMs);
      await log.leave('a');
      expect(await log.living(longMs)).toEqual(['b']);
      expect((await head(shard(3))).owner).toBe('a');
      expect(await log.renew('a', longMs)).toEqual([3]);
      expect(await log.living(longMs)).toEqual(['b', 'a']);
    });
  });

  describe('committing', () => {
    it('stores every field of every event, in order', async () => {
      const chain = await claimed(3);
      const part = chain.part([
        { org: 'default', actorType: 'goal', actorKey: key(1), type: 'GoalSubmitted', version: 1, schema: 2 },
        { org: 'acme', actorType: 'task', actorKey: key(1, 'fetch-ü'), type: 'TaskQueued', version: 2 ** 31 - 1 },
        { body: Buffer.alloc(300_000, 7), at: micros(2 ** 51 + 1) },
        { body: Buffer.alloc(0) },
      ]);
      await write(chain, part);
      expect(await collect(log.read(shard(3), start))).toEqual(part.events);
      expect(await collect((await world.another()).read(shard(3), start))).toEqual(part.events);
    });

    it('moves the shard on: seq, hash, time, lane, counters, marks', async () => {
      const chain = await claimed(3);
      const { shards } = await log.meta();
      const counters = Array.from({ length: shards }, (_, i) => 2 ** 40 + i);
      const part = chain.part(drafts(5), {
        lane: { generation: generation(3), sequence: 2 ** 45, time: '1795530877749847123' },
        sent: counters,
        got: counters.map((n) => n + 1),
        unconfirmedSeq: seq(2),
        evtSeq: seq(3),
        flushedSeq: seq(4),
      });
      await write(chain, part);
      expect(await head(shard(3))).toMatchObject({ ...chain.row, owner: 'a' });
      expect((await head(shard(4))).seq).toBe(0);
    });

    it('leaves counters alone that are null', async () => {
      const chain = await claimed(3);
      const sent = chain.row.sent.map((_, i) => i);
      const got = chain.row.got.map((_, i) => i * 2);
      await write(chain, chain.part(drafts(1), { sent, got }));
      await write(chain, chain.part(drafts(1), { sent: sent.map((n) => n + 1) }));
      await write(chain, chain.part(drafts(1)));
      const row = await head(shard(3));
      expect(row.sent).toEqual(sent.map((n) => n + 1));
      expect(row.got).toEqual(got);
    });

    it('never takes back what was published or flushed', async () => {
      const chain = await claimed(3);
      await write(chain, chain.part(drafts(9), { evtSeq: seq(7), flushedSeq: seq(6) }));
      await write(chain, chain.part(drafts(1), { evtSeq: seq(5), flushedSeq: seq(4) }));
      expect(await head(shard(3))).toMatchObject({ evtSeq: 7, flushedSeq: 6 });
    });

    it('moves the lane without any event', async () => {
      const chain = await claimed(3);
      await write(chain, chain.part(drafts(2)));
      const lane = { generation: generation(1), sequence: 17, time: '5' };
      await write(chain, chain.part([], { lane }));
      expect(await head(shard(3))).toMatchObject({ seq: 2, lane, hash: chain.row.hash });
      expect(await collect(log.read(shard(3), start))).toHaveLength(2);
    });

    it("answers with the store's clock", async () => {
      const before = (await log.meta()).now;
      const chain = await claimed(3);
      const { now } = await log.commit([chain.part(drafts(1))]);
      const after = (await log.meta()).now;
      expect(now).toBeGreaterThanOrEqual(before);
      expect(now).toBeLessThanOrEqual(after);
      expect((await log.commit([])).now).toBeGreaterThanOrEqual(now);
    });

    it("does not write a deposed owner's part, and writes the others (I2)", async () => {
      const [three, four, five] = [await claimed(3), await claimed(4), await claimed(5)];
      await log.reclaim('b', longMs, [three.row]);
      const parts = [three, four, five].map((chain) => chain.part(drafts(2), { commands: [command(chain.row.shard)] }));
      expect([...(await log.commit(parts)).written].sort()).toEqual([4, 5]);
      expect(await head(shard(3))).toMatchObject({ seq: 0, epoch: 2, hash: three.row.hash });
      expect(await collect(log.read(shard(3), start))).toEqual([]);
      expect(await log.findCommands(shard(3), ['command-3'])).toEqual([]);
      expect(positions(await collect(log.read(shard(4), start)))).toEqual(['4:1', '4:2']);
      expect(await log.findCommands(shard(4), ['command-4'])).toHaveLength(1);
    });

    it('does not write a part that is not right behind the last one (I2)', async () => {
      const chain = await claimed(3);
      const part = chain.part(drafts(3));
      await write(chain, part);
      expect((await log.commit([part])).written.size).toBe(0);
      expect((await log.commit([chain.part(drafts(1), { previousSeq: seq(4) })])).written.size).toBe(0);
      expect((await log.commit([chain.part(drafts(1), { previousSeq: seq(2) })])).written.size).toBe(0);
      expect(await collect(log.read(shard(3), start))).toEqual(part.events);
    });

    it('writes one of two commits that race for the same seqs (I2)', async () => {
      const other = await world.another();
      const chain = await claimed(3);
      for (let round = 0; round < 10; round++) {
        const parts = [chain.part(drafts(2, { type: 'Here' })), chain.part(drafts(2, { type: 'There' }))] as const;
        const [here, there] = await Promise.all([log.commit([parts[0]]), other.commit([parts[1]])]);
        expect(here.written.size + there.written.size).toBe(1);
        chain.landed(here.written.size === 1 ? parts[0] : parts[1]);
      }
      const events = await collect(log.read(shard(3), start));
      expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      expect((events.at(-1) as { hash: Buffer }).hash).toEqual((await head(shard(3))).hash);
    });

    it('writes a full group commit over all shards', async () => {
      const rows = await log.claim('a', longMs);
      const chains = rows.map((row) => new Chain(row));
      const parts = chains.map((chain) => chain.part(drafts(60)));
      expect((await log.commit(parts)).written.size).toBe(rows.length);
      for (const part of parts) expect(await collect(log.read(part.shard, start))).toEqual(part.events);
    });
  });

  describe('probation', () => {
    const trial = { trying: 'lane/1/7', tries: 2 };
    const probationAt = async (of: number) => (await head(shard(of))).probation;

    it('begins with a claim, which finds none on a shard that was free', async () => {
      expect((await claimed(3)).row.probation).toBeNull();
      expect(await probationAt(3)).toEqual({ trying: '', tries: 0 });
      expect(await probationAt(4)).toBeNull();
    });

    it('is what each commit says, whether it brings events or not', async () => {
      const [three, four] = [await claimed(3), await claimed(4)];
      await write(three, three.part([], { probation: trial }));
      await write(four, four.part(drafts(1), { probation: { trying: '', tries: 0 } }));
      expect(await probationAt(3)).toEqual(trial);
      expect(await probationAt(4)).toEqual({ trying: '', tries: 0 });
      await write(three, three.part(drafts(2)));
      expect(await probationAt(3)).toBeNull();
    });

    it('is found by whoever takes over from an owner that is gone, and is still there then', async () => {
      for (const of of [3, 4, 5]) await log.claim('a', 1, [shard(of)]);
      const [three, five] = await Promise.all([3, 5].map(async (of) => new Chain(await head(shard(of)))));
      await write(three as Chain, (three as Chain).part([], { probation: trial }));
      await write(five as Chain, (five as Chain).part(drafts(1)));
      expect((await takeOver('b', shard(3))).probation).toEqual(trial);
      expect((await takeOver('b', shard(4))).probation).toEqual({ trying: '', tries: 0 });
      expect((await takeOver('b', shard(5))).probation).toBeNull();
      expect(await probationAt(3)).toEqual(trial);
    });

    it('ends with a clean release, and outlives the settling of a commit', async () => {
      const [three, four] = [await claimed(3), await claimed(4)];
      for (const chain of [three, four]) await write(chain, chain.part([], { probation: trial }));
      expect((await log.reclaim('a', longMs, [three.row]))[0]?.probation).toEqual(trial);
      await log.release('a', [four.row]);
      expect((await claimed(4, 'b')).row.probation).toBeNull();
    });
  });

  describe('settling a commit of unknown outcome', () => {
    it('finds what had landed, under the next epoch', async () => {
      const chain = await claimed(3);
      const part = chain.part(drafts(2));
      await log.commit([part]);
      const rows = await log.reclaim('a', longMs, [chain.row]);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({ epoch: 2, owner: 'a', seq: part.seq, hash: part.hash });
    });

    it('finds what had not, and fences the straggler', async () => {
      const chain = await claimed(3);
      const straggler = chain.part(drafts(2));
      const rows = await log.reclaim('a', longMs, [chain.row]);
      expect(rows[0]).toMatchObject({ epoch: 2, seq: 0, hash: chain.row.hash });
      expect((await log.commit([straggler])).written.size).toBe(0);
      const next = new Chain(rows[0] as ShardRow);
      await write(next, next.part(drafts(2)));
      const stored = await collect(log.read(shard(3), start));
      expect(stored.map((event) => event.epoch)).toEqual([2, 2]);
      expect(stored[0]?.hash).not.toEqual(straggler.events[0]?.hash);
    });

    it('leaves shards alone that somebody else has taken', async () => {
      const [three, four] = [await claimed(3), await claimed(4)];
      await log.reclaim('b', longMs, [three.row]);
      const rows = await log.reclaim('a', longMs, [three.row, four.row]);
      expect(rows.map((row) => [row.shard, row.epoch])).toEqual([[4, 2]]);
      expect(await head(shard(3))).toMatchObject({ owner: 'b', epoch: 2 });
    });
  });

  describe('reading a shard', () => {
    it('pages through what is behind a seq, up to another', async () => {
      const chain = await claimed(3);
      for (let i = 0; i < 5; i++) await write(chain, chain.part(drafts(900)));
      const other = await claimed(4);
      await write(other, other.part(drafts(3)));
      const between = async (after: number, upTo?: number): Promise<number[]> =>
        (await collect(log.read(shard(3), seq(after), upTo === undefined ? undefined : seq(upTo)))).map(
          ({ seq }) => seq,
        );
      expect(await between(0)).toEqual(Array.from({ length: 4500 }, (_, i) => i + 1));
      expect(await between(4400)).toEqual(Array.from({ length: 100 }, (_, i) => 4401 + i));
      expect(await between(17, 20)).toEqual([18, 19, 20]);
      expect(await between(4499, 9999)).toEqual([4500]);
      expect(await between(4500)).toEqual([]);
      expect(await between(20, 20)).toEqual([]);
    });

    it('ends when there is nothing', async () => {
      expect(await collect(log.read(shard(3), start))).toEqual([]);
    });
  });

  describe('reading actors', () => {
    it('returns whole families in order of seq, and members alone', async () => {
      const chain = await claimed(3);
      const keys = [key(1), key(1, 'a'), key(2), key(1, 'ab'), key(2, 'a'), key(1), key(0, 'zz'), key(1, '~')];
      await write(chain, chain.part(keys.map((actorKey) => ({ actorKey }))));
      const seqs = async (...ranges: { key: Buffer; family: boolean }[]): Promise<number[]> =>
        (
          await log.readActors(
            shard(3),
            ranges.map((range) => ({ org: 'default', ...range })),
          )
        ).events.map(({ seq }) => seq);
      expect(await seqs({ key: key(1), family: true })).toEqual([1, 2, 4, 6, 8]);
      expect(await seqs({ key: key(1), family: false })).toEqual([1, 6]);
      expect(await seqs({ key: key(1, 'a'), family: false })).toEqual([2]);
      expect(await seqs({ key: key(2), family: true }, { key: key(0), family: true })).toEqual([3, 5, 7]);
      expect(await seqs({ key: key(9), family: true })).toEqual([]);
      expect(await seqs()).toEqual([]);
      expect((await log.readActors(shard(4), [{ org: 'default', key: key(1), family: true }])).events).toEqual([]);
    });

    it('keeps orgs apart, whatever their keys (I10)', async () => {
      const chain = await claimed(3);
      await write(chain, chain.part(['one', 'two', 'one'].map((org) => ({ org, actorKey: key(1) }))));
      const of = async (org: string): Promise<number[]> =>
        (await log.readActors(shard(3), [{ org, key: key(1), family: true }])).events.map(({ seq }) => seq);
      expect(await of('one')).toEqual([1, 3]);
      expect(await of('two')).toEqual([2]);
      expect(await of('three')).toEqual([]);
    });

    it('carries a key whose last byte is 255', async () => {
      const chain = await claimed(3);
      await write(
        chain,
        chain.part([key(255), key(255, 'x'), Buffer.alloc(16, 255)].map((actorKey) => ({ actorKey }))),
      );
      const found = await log.readActors(shard(3), [{ org: 'default', key: key(255), family: true }]);
      expect(positions(found.events)).toEqual(['3:1', '3:2']);
      const ones = { org: 'default', key: Buffer.alloc(16, 255), family: true };
      expect(positions((await log.readActors(shard(3), [ones])).events)).toEqual(['3:3']);
    });
  });

  const command = (of: number, more: Partial<{ commandId: string; expiresAt: number }> = {}) => ({
    commandId: more.commandId ?? `command-${of}`,
    fingerprint: 'f00d',
    actor: { org: 'default', type: 'goal', id: 'gl_0' },
    seq: seq(1),
    expiresAt: micros(more.expiresAt ?? 2 ** 52),
  });

  describe('keyed commands', () => {
    it('are remembered by shard and id until they expire', async () => {
      const chain = await claimed(3);
      const { now } = await log.meta();
      const kept = command(3, { commandId: 'kept', expiresAt: now + 3_600_000_000 });
      const late = command(3, { commandId: 'late', expiresAt: now + 7 * 86_400_000_000 });
      const gone = command(3, { commandId: 'gone', expiresAt: now - 1 });
      await write(chain, chain.part(drafts(1), { commands: [kept, late, gone] }));
      const ids = ['gone', 'kept', 'late', 'never'];
      const found = [...(await log.findCommands(shard(3), ids))].sort((a, b) => (a.commandId < b.commandId ? -1 : 1));
      expect(found).toEqual([kept, late]);
      expect(await log.findCommands(shard(4), ids)).toEqual([]);
      expect(await log.findCommands(shard(3), [])).toEqual([]);
    });

    it('are remembered without any event', async () => {
      const chain = await claimed(3);
      await write(chain, chain.part([], { commands: [command(3)] }));
      expect(await log.findCommands(shard(3), ['command-3'])).toEqual([command(3)]);
    });
  });

  describe('the generation', () => {
    it('is raised once by two that find the same', async () => {
      const other = await world.another();
      const raised = await Promise.all([log.raiseGeneration(generation(1)), other.raiseGeneration(generation(1))]);
      expect(raised.map((one) => one.generation)).toEqual([2, 2]);
      expect(raised.filter((one) => one.raised)).toHaveLength(1);
      expect(await log.raiseGeneration(generation(1))).toEqual({ generation: 2, raised: false });
      expect(await log.raiseGeneration(generation(2))).toEqual({ generation: 3, raised: true });
      expect((await other.meta()).generation).toBe(3);
    });
  });

  describe('keys of subjects', () => {
    it('are made once, whoever asks at the same time', async () => {
      const other = await world.another();
      const asked = await Promise.all(
        [log, other, log, other].map((one) => one.subjectKeys('default', ['ada', 'bob', 'ada'])),
      );
      for (const keys of asked) {
        expect([...keys.keys()].sort()).toEqual(['ada', 'bob']);
        expect(keys).toEqual(asked[0]);
      }
      const ada = asked[0]?.get('ada');
      expect(ada?.key).toHaveLength(32);
      expect(ada?.key).not.toEqual(asked[0]?.get('bob')?.key);
      expect((await log.subjectKeys('default', ['ada'])).get('ada')).toEqual(ada);
      expect((await log.subjectKeys('default', [])).size).toBe(0);
    });

    it('are another one in each org (I10)', async () => {
      const one = (await log.subjectKeys('one', ['ada'])).get('ada');
      const two = (await log.subjectKeys('two', ['ada'])).get('ada');
      expect(one?.kid).not.toBe(two?.kid);
      expect(one?.key).not.toEqual(two?.key);
    });

    it('are found by their ids, but for unknown ones', async () => {
      const ada = (await log.subjectKeys('default', ['ada'])).get('ada') as { kid: string; key: Buffer };
      const found = await log.keysById([ada.kid, 'nobody']);
      expect([...found]).toEqual([[ada.kid, ada]]);
      expect((await log.keysById([])).size).toBe(0);
    });
  });

  snapshotContract(() => world);

  it('continues under a new owner where the last one ended', async () => {
    const before = await claimed(3);
    await write(before, before.part(drafts(4)));
    await log.release('a', [before.row]);
    const after = new Chain((await log.claim('b', longMs, [shard(3)]))[0] as ShardRow);
    expect(after.row).toMatchObject({ seq: 4, epoch: 2, hash: before.row.hash, at: before.row.at });
    await write(after, after.part(drafts(2)));
    const stored = await collect(log.read(shard(3), start));
    expect(stored.map((event): [Seq, number] => [event.seq, event.epoch])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 2],
      [6, 2],
    ]);
  });
}
