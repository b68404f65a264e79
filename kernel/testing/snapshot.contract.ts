import { beforeEach, describe, expect, it } from 'vitest';
import { type Micros, micros, type Seq, type Shard, seq, shard } from '../brand.ts';
import type { ActorRange, Log, ShardRow, SnapshotPart, StoredSnapshot } from '../log.ts';
import { Chain } from './chain.ts';

const longMs = 60_000;
const of = shard(3);
const key = (last: number, member = ''): Buffer =>
  Buffer.concat([Buffer.from('0190aabbccdd7000800000000000', 'hex'), Buffer.from([0, last]), Buffer.from(member)]);

/** What every Log has to keep of snapshots. */
export function snapshotContract(world: () => { readonly log: Log; another(): Promise<Log> }): void {
  let log: Log;
  let chain: Chain;
  const write = async (drafts: Parameters<Chain['part']>[0]): Promise<void> => {
    const part = chain.part(drafts);
    await log.commit([part]);
    chain.landed(part);
  };
  const snapshot = (last: number, more: Partial<StoredSnapshot> = {}): StoredSnapshot => ({
    org: 'default',
    actorType: 'thing',
    actorKey: key(last),
    version: 1,
    seq: seq(1),
    behaviorVersion: 1,
    due: null,
    state: Buffer.from(`state ${last}`),
    ...more,
  });
  const flush = (
    snapshots: readonly StoredSnapshot[],
    more: Partial<SnapshotPart> = {},
  ): Promise<'written' | 'fenced' | 'deleted'> =>
    log.writeSnapshots({
      shard: of,
      epoch: chain.row.epoch,
      wholeTo: seq(0),
      begins: true,
      snapshots,
      ended: [],
      ...more,
    });
  const range = (last: number, more: Partial<ActorRange> = {}): ActorRange => ({
    org: 'default',
    key: key(last),
    family: false,
    snapshot: { actorType: 'thing', behaviorVersion: 1 },
    ...more,
  });
  const kept = async (...ranges: ActorRange[]): Promise<readonly StoredSnapshot[]> =>
    (await log.readActors(of, ranges)).snapshots;
  const due = async (after: number, upTo: number): Promise<readonly [string, string, number][]> =>
    (await log.dueActors(of, { after: micros(after), upTo: micros(upTo) })).map((one) => [
      one.org,
      one.actorKey.toString('hex').slice(-2),
      one.due,
    ]);

  describe('snapshots', () => {
    beforeEach(async () => {
      log = world().log;
      chain = new Chain((await log.claim('a', longMs, [of]))[0] as ShardRow);
      // Gives the orgs their codes, as the events of whoever has a snapshot have done.
      await write(['default', 'acme'].map((org) => ({ org })));
    });

    it('are read back as they were written, in every field', async () => {
      const written = [
        snapshot(1, {
          version: 2 ** 31 - 1,
          seq: seq(2 ** 40),
          due: micros(2 ** 51 + 1),
          state: Buffer.alloc(300_000, 7),
        }),
        snapshot(2, {
          org: 'acme',
          actorType: 'goal',
          behaviorVersion: 2 ** 20,
          due: micros(0),
          state: Buffer.alloc(0),
        }),
      ];
      expect(await flush(written)).toBe('written');
      const acme = range(2, { org: 'acme', snapshot: { actorType: 'goal', behaviorVersion: 2 ** 20 } });
      const other = await world().another();
      for (const one of [log, other]) {
        const { snapshots } = await one.readActors(of, [range(1), acme, range(9)]);
        expect([...snapshots].sort((a, b) => Buffer.compare(a.actorKey, b.actorKey))).toEqual(written);
      }
    });

    it('and events are whose shard they are, when many shards are read at once', async () => {
      const shards = Array.from({ length: 12 }, (_, i) => shard(20 + i));
      for (const one of shards) {
        const chain = new Chain((await log.claim('a', longMs, [one]))[0] as ShardRow);
        const keys = [key(1), key(2), key(1)];
        await log.commit([chain.part(keys.map((actorKey, i) => ({ actorKey, version: i === 2 ? 2 : 1 })))]);
        const held = snapshot(1, { seq: seq(1), version: 1, state: Buffer.from([one]) });
        await log.writeSnapshots({
          shard: one,
          epoch: chain.row.epoch,
          wholeTo: seq(1),
          begins: true,
          snapshots: [held],
          ended: [],
        });
      }
      // Each shard is asked for twice, so that not all of it can be read together.
      const reads = [...shards, ...shards].map((one, i) => log.readActors(one, [range(i < shards.length ? 1 : 2)]));
      for (const [i, { snapshots, events }] of (await Promise.all(reads)).entries()) {
        const one = shards[i % shards.length] as Shard;
        const isFirst = i < shards.length;
        expect(snapshots.map(({ state }) => [...state])).toEqual(isFirst ? [[one]] : []);
        expect(events.map((event) => [event.shard, event.seq])).toEqual([[one, isFirst ? 3 : 2]]);
      }
    });

    it('stand for the events they hold, of an actor and of a family', async () => {
      await write(
        [key(1), key(2), key(1, 'a'), key(1), key(2), key(1, 'b')].map((actorKey, i) => ({
          actorKey,
          version: [1, 1, 1, 2, 2, 1][i] as number,
        })),
      );
      await flush([snapshot(1, { seq: seq(5) }), snapshot(2, { seq: seq(4), version: 1 })]);
      const seqs = async (...ranges: ActorRange[]): Promise<number[]> =>
        (await log.readActors(of, ranges)).events.map((event) => event.seq);
      expect(await seqs(range(1, { family: true }))).toEqual([6, 8]);
      expect(await seqs(range(1))).toEqual([6]);
      expect(await seqs(range(2))).toEqual([7]);
      expect(await seqs(range(1, { family: true }), range(2))).toEqual([6, 7, 8]);
      const whole = { org: 'default', key: key(2), family: false };
      expect(await seqs(whole)).toEqual([4, 7]);
      expect(await kept(whole)).toEqual([]);
    });

    it('of another behavior version are ignored', async () => {
      await write([{ actorKey: key(1), version: 1 }]);
      await flush([snapshot(1, { seq: seq(3) })]);
      const newer = range(1, { snapshot: { actorType: 'thing', behaviorVersion: 2 } });
      const read = await log.readActors(of, [newer]);
      expect(read.snapshots).toEqual([]);
      expect(read.events).toHaveLength(1);
    });

    it('of another org, type or shard are another actor’s (I10)', async () => {
      await flush([snapshot(1)]);
      expect(await kept(range(1, { org: 'acme' }))).toEqual([]);
      expect(await kept(range(1, { snapshot: { actorType: 'other', behaviorVersion: 1 } }))).toEqual([]);
      expect((await log.readActors(shard(4), [range(1)])).snapshots).toEqual([]);
    });

    it('go upwards only: an older one never replaces a newer one', async () => {
      const state = (text: string) => ({ state: Buffer.from(text) });
      const stored = async (): Promise<string[]> => (await kept(range(1))).map((one) => one.state.toString());
      await flush([snapshot(1, { seq: seq(5), ...state('five') })]);
      await flush([snapshot(1, { seq: seq(4), due: micros(1), ...state('four') })]);
      expect(await stored()).toEqual(['five']);
      await flush([snapshot(1, { seq: seq(5), ...state('five again') })]);
      expect(await stored()).toEqual(['five']);
      expect(await due(0, 9)).toEqual([]);
      await flush([snapshot(1, { seq: seq(6), ...state('six') })]);
      expect(await stored()).toEqual(['six']);
      await flush([snapshot(1, { seq: seq(6), behaviorVersion: 2, ...state('six anew') })]);
      expect(await kept(range(1))).toEqual([]);
    });

    it('by a deposed owner change nothing (I2)', async () => {
      await flush([snapshot(1, { seq: seq(2) })]);
      await log.reclaim('b', longMs, [chain.row]);
      const late = { ended: [snapshot(1, { seq: seq(9) })], wholeTo: seq(9) };
      expect(await flush([snapshot(1, { seq: seq(3), state: Buffer.from('late') })], late)).toBe('fenced');
      expect(await kept(range(1))).toEqual([snapshot(1, { seq: seq(2) })]);
      expect(await log.snapshotsWholeTo(of)).toBe(0);
    });

    it('of what has ended go, but for newer ones', async () => {
      await flush([snapshot(1, { seq: seq(5) }), snapshot(2, { seq: seq(5) }), snapshot(3)]);
      expect(await flush([], { ended: [snapshot(1, { seq: seq(4) }), snapshot(2, { seq: seq(5) })] })).toBe('written');
      expect((await kept(range(1), range(2), range(3))).map(({ actorKey }) => actorKey.at(-1)).sort()).toEqual([1, 3]);
    });

    it('are whole up to what was noted last, upwards only', async () => {
      expect(await log.snapshotsWholeTo(of)).toBeUndefined();
      await flush([], { wholeTo: seq(7) });
      expect(await log.snapshotsWholeTo(of)).toBe(7);
      await flush([], { wholeTo: seq(5), begins: false });
      expect(await log.snapshotsWholeTo(of)).toBe(7);
      expect(await log.snapshotsWholeTo(shard(4))).toBeUndefined();
    });

    it('are not gone on with where there are none, unless they begin', async () => {
      expect(await flush([snapshot(1)], { begins: false })).toBe('deleted');
      expect(await kept(range(1))).toEqual([]);
      expect(await flush([snapshot(1)])).toBe('written');
      expect(await flush([snapshot(2)], { begins: false })).toBe('written');
      expect(await kept(range(1), range(2))).toHaveLength(2);
    });

    it('are found by when they are due, in order', async () => {
      const at = (last: number, when: Micros | null, more: Partial<StoredSnapshot> = {}) =>
        snapshot(last, { due: when, ...more });
      await flush([
        at(1, micros(30)),
        at(2, micros(10)),
        at(3, null),
        at(4, micros(20), { org: 'acme' }),
        at(5, micros(40)),
        at(6, micros(0)),
      ]);
      expect(await due(-1, 30)).toEqual([
        ['default', '06', 0],
        ['default', '02', 10],
        ['acme', '04', 20],
        ['default', '01', 30],
      ]);
      expect(await due(10, 30)).toEqual([
        ['acme', '04', 20],
        ['default', '01', 30],
      ]);
      expect(await due(40, 1000)).toEqual([]);
      await flush([at(2, null, { seq: seq(2) })]);
      expect(await due(0, 10)).toEqual([]);
    });

    it('that are due and of other versions are found, whenever they are due', async () => {
      const old: Seq = seq(1);
      await flush([
        snapshot(1, { due: micros(50) }),
        snapshot(2, { due: micros(40), behaviorVersion: 2 }),
        snapshot(3, { behaviorVersion: 1, seq: old }),
        snapshot(4, { due: micros(2 ** 52), actorType: 'forgotten' }),
      ]);
      const found = await log.dueActors(of, {
        than: new Map([
          ['thing', 2],
          ['other', 1],
        ]),
      });
      expect(found.map(({ actorType, actorKey }) => [actorType, actorKey.at(-1)])).toEqual([
        ['thing', 1],
        ['forgotten', 4],
      ]);
    });
  });
}
