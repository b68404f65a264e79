import { afterEach, describe, expect, it } from 'vitest';
import { keyBytes } from './address.ts';
import { snapshotTailEvents } from './bounds.ts';
import { type Shard, seq } from './brand.ts';
import type { StoredEvent } from './event.ts';
import type { Kernel } from './kernel.ts';
import { ManualClock } from './memory/clock.ts';
import { box, testBehaviors } from './testing/behaviors.ts';
import { boxId, eventually, homeOf, together, turns, World } from './testing/world.ts';

const hourMs = 3_600_000;
/** Long enough to leave memory meanwhile. */
const longMs = 600_000;
let world: World;
let clock: ManualClock;

afterEach(async () => {
  world.log.fault = () => undefined;
  world.log.up = true;
  await world.end();
  expect(world.defects).toEqual([]);
});

/** Which actors were read from the log since. */
function readings(): { readonly names: string[] } {
  const names: string[] = [];
  const { readActors } = world.log;
  world.log.readActors = async (of, ranges) => {
    const read = await readActors.call(world.log, of, ranges);
    names.push(...ranges.map(({ key, snapshot }) => `${key.toString('hex')}${snapshot ? '' : ' anew'}`));
    return read;
  };
  return { names };
}

async function begin(): Promise<Kernel> {
  clock = new ManualClock();
  world = new World(clock);
  return world.start();
}

/** Lets seconds pass, with all that comes of them. */
async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    clock.advance(1000);
    await turns(12);
  }
}

const snapshotsOf = (box: string) => world.log.snapshots(homeOf(box) as Shard);
const types = (box: string): string[] => world.of(box).map(({ type }) => type);
const rangOf = (box: string): number => types(box).filter((type) => type === 'Rang').length;
const [a, b] = together();

/** A box that waits for so long, written and out of memory. */
async function resting(box: string, ms: number): Promise<void> {
  await world.ask('open', box, { text: 'a' });
  await world.ask('wait', box, { ms });
  await pass(60);
  expect(snapshotsOf(box)).toHaveLength(1);
}

/** The same, and a recovery begins behind it. */
async function restingBehind(box: string, ms: number, subject?: string): Promise<void> {
  const of = subject === undefined ? {} : { subject };
  await world.ask('open', box, { text: 'secret wish', ...of }, of);
  await world.ask('wait', box, { ms });
  await pass(60);
  // The mark moves with the next commit, and the next write notes how far snapshots are whole.
  await world.ask('open', b, { text: 'b' });
  await world.ask('wait', b, { ms: 24 * hourMs });
  await pass(60);
  expect(await world.log.snapshotsWholeTo(homeOf(box))).toBeGreaterThanOrEqual(2);
}

describe('an open actor that only waits', () => {
  it('is written once its events have waited, leaves memory, and rings at its time', async () => {
    await begin();
    await world.ask('open', a, { text: 'a' });
    await world.ask('wait', a, { ms: 2 * hourMs });
    await pass(20);
    expect(snapshotsOf(a)).toEqual([]);
    await pass(40);
    const [kept] = snapshotsOf(a);
    expect(kept).toMatchObject({ actorType: 'box', version: 2, seq: world.of(a).at(-1)?.seq });
    expect(world.of(a).at(-1)?.data).toMatchObject({ until: kept?.due });
    const { names } = readings();
    for (let minutes = 0; minutes < 118; minutes++) await pass(60 / 20).then(() => clock.advance(57_000));
    expect(names).toEqual([]);
    await pass(150);
    await eventually(() => rangOf(a) === 1);
    expect(names).toHaveLength(1);
    expect(await world.verified()).toBe(true);
  }, 20_000);

  it('is written at once where many events of others have come behind its own: a recovery would fold them all', async () => {
    await begin();
    await world.ask('open', a, { text: 'a' });
    await world.ask('wait', a, { ms: longMs });
    await world.ask('open', b, { text: 'b' });
    for (let left = snapshotTailEvents; left > 0; left -= 64)
      await Promise.all(Array.from({ length: Math.min(left, 64) }, () => world.ask('add', b, { by: 1 })));
    await pass(4);
    expect(snapshotsOf(a)).toMatchObject([{ version: 2, seq: world.of(a).at(-1)?.seq }]);
  });

  it('is woken by a command too, and rings at its time all the same', async () => {
    await begin();
    await resting(a, longMs);
    const position = `${homeOf(a)}:${world.of(a)[0]?.seq}`;
    expect(await world.ask('open', a)).toMatchObject({ ok: true, replayed: true, position, data: { text: 'a' } });
    clock.advance(longMs);
    await pass(2);
    await eventually(() => rangOf(a) === 1);
  });

  it('that ends as soon as it began is never written', async () => {
    await begin();
    await world.ask('open', a, { text: 'a' });
    await world.ask('wait', a, { ms: 5000 });
    await pass(120);
    expect(rangOf(a)).toBe(1);
    expect(snapshotsOf(a)).toEqual([]);
  });

  it('is not due any more in its snapshot once its time is over', async () => {
    await begin();
    await resting(a, 100_000);
    await pass(200);
    expect(types(a)).toEqual(['Opened', 'Waiting', 'Rang']);
    expect(snapshotsOf(a)).toMatchObject([{ version: 3, due: null }]);
  });
});

describe('a recovery', () => {
  it('begins behind what is in snapshots, and rings what is due once', async () => {
    const first = await begin();
    await restingBehind(a, longMs);
    await world.ask('wait', b, { ms: 30_000 });
    await world.crash(first);
    const read: number[] = [];
    const { read: readShard } = world.log;
    world.log.read = (of, after, upTo) => {
      if (of === homeOf(a)) read.push(after);
      return readShard.call(world.log, of, after, upTo);
    };
    await world.start();
    expect(Math.min(...read)).toBeGreaterThanOrEqual(2);
    await pass(60);
    await eventually(() => rangOf(b) === 1);
    clock.advance(longMs);
    await pass(3);
    await eventually(() => rangOf(a) === 1);
    await pass(30);
    expect([rangOf(a), rangOf(b)]).toEqual([1, 1]);
  });

  it('without any snapshot, because they were deleted, comes to the same (I5)', async () => {
    const first = await begin();
    await restingBehind(a, longMs);
    await world.crash(first);
    world.log.deleteSnapshots();
    await world.start();
    clock.advance(longMs);
    await pass(3);
    await eventually(() => rangOf(a) === 1);
    await pass(60);
    expect(types(a)).toEqual(['Opened', 'Waiting', 'Rang']);
  });

  it('ignores a snapshot of another behavior version: what is open is folded, and written, anew', async () => {
    await begin();
    await restingBehind(a, 2 * hourMs);
    await world.end();
    world.kernels.length = 0;
    const { names } = readings();
    await world.start({
      behaviors: testBehaviors.map((one) => (one.type === box.type ? { ...one, version: 2 } : one)),
    });
    await pass(60);
    expect(names).toHaveLength(1);
    expect(snapshotsOf(a)).toMatchObject([{ behaviorVersion: 2 }, { behaviorVersion: 2 }]);
    expect(await world.ask('open', a)).toMatchObject({ ok: true, replayed: true, data: { text: 'secret wish' } });
  });

  it('finds what was written but had not left memory, and what had left it', async () => {
    const first = await begin();
    await world.ask('open', a, { text: 'a' });
    await world.ask('wait', a, { ms: longMs });
    // Written after half a minute; leaves ten seconds later.
    const { writeSnapshots } = world.log;
    let written = 0;
    world.log.writeSnapshots = async (part) => {
      const outcome = await writeSnapshots.call(world.log, part);
      written += part.snapshots.length;
      return outcome;
    };
    while (written === 0) await pass(1);
    await world.crash(first);
    const second = await world.start();
    await pass(60);
    await world.crash(second);
    await world.start();
    clock.advance(longMs);
    await pass(3);
    await eventually(() => rangOf(a) === 1);
    await pass(5);
    expect(rangOf(a)).toBe(1);
  });
});

describe('who is due', () => {
  it('and cannot be folded stays out of memory, and keeps nobody else from it', async () => {
    await begin();
    for (const box of [a, b]) {
      await world.ask('open', box, { text: 'a' });
      await world.ask('wait', box, { ms: longMs });
    }
    await pass(60);
    const { readActors } = world.log;
    // What is stored of one of them does not follow from itself.
    world.log.readActors = async (of, ranges) => {
      const { snapshots, events } = await readActors.call(world.log, of, ranges);
      const broken = snapshots.some(({ actorKey }) => actorKey.equals(keyBytes(a)));
      return {
        snapshots,
        events: broken ? [...events, { ...(world.log.all(of)[0] as StoredEvent), version: 9 }] : events,
      };
    };
    clock.advance(longMs);
    await pass(3);
    await eventually(() => rangOf(b) === 1);
    expect(rangOf(a)).toBe(0);
    expect(world.defects).toEqual([]);
    expect(world.warnings.some((text) => text.includes(`box ${a} is due and cannot be folded`))).toBe(true);
  });

  it('is loaded although the store was away when it came to that', async () => {
    await begin();
    await resting(a, longMs);
    world.log.up = false;
    clock.advance(longMs);
    await pass(3);
    expect(rangOf(a)).toBe(0);
    world.log.up = true;
    await pass(3);
    await eventually(() => rangOf(a) === 1);
  });
});

describe('snapshots', () => {
  it('hold committed states only (I1)', async () => {
    await begin();
    await world.ask('open', a, { text: 'a' });
    await world.ask('wait', a, { ms: longMs });
    const committed = world.size(homeOf(a));
    world.log.fault = (parts) => (parts.some(({ shard }) => shard === homeOf(a)) ? 'unavailable' : undefined);
    await world.send('add', a, { by: 7 });
    await pass(60);
    for (const { seq } of snapshotsOf(a)) expect(seq).toBeLessThanOrEqual(committed);
    world.log.fault = () => undefined;
    await pass(60);
    expect(snapshotsOf(a)).toMatchObject([{ version: 3 }]);
  });

  it('that are deleted while a kernel runs are written again from the log (I5)', async () => {
    await begin();
    await resting(a, longMs);
    world.log.deleteSnapshots();
    await world.ask('open', b, { text: 'b' });
    await world.ask('wait', b, { ms: 10 * hourMs });
    await pass(120);
    expect(snapshotsOf(a)).toHaveLength(2);
    clock.advance(longMs);
    await pass(3);
    await eventually(() => rangOf(a) === 1);
    world.warnings.length = 0;
  });

  it('by a deposed owner change nothing (I2)', async () => {
    await begin();
    await world.ask('open', a, { text: 'a' });
    await world.ask('wait', a, { ms: longMs });
    const home = homeOf(a);
    const [row] = await world.log.heads([home]);
    const { renew } = world.log;
    // The owner does not hear of it, as when it was suspended.
    world.log.renew = async () => Array.from({ length: 8 }, (_, i) => i as Shard);
    world.log.claim = async () => [];
    await world.log.reclaim('usurper', 24 * hourMs, [{ shard: home, epoch: row?.epoch as never }]);
    await pass(90);
    expect(snapshotsOf(a)).toEqual([]);
    world.log.renew = renew;
  });

  it('keep what is personal sealed, and without its key are folded anew', async () => {
    await begin();
    await restingBehind(a, 10 * hourMs, 'ada');
    const [kept] = snapshotsOf(a);
    expect(kept?.state.length).toBeGreaterThan(0);
    expect(kept?.state.includes('secret wish')).toBe(false);
    const { names } = readings();
    expect(await world.ask('open', a)).toMatchObject({ data: { text: 'secret wish' } });
    expect(names).toHaveLength(1);
    await world.end();
    world.kernels.length = 0;
    world.log.keysById = async () => new Map();
    await world.start();
    expect(await world.ask('open', a)).toMatchObject({ data: { text: '[erased]' } });
    expect(names.at(-1)).toContain('anew');
  });

  it('spare an idle actor with a long history its fold', async () => {
    await begin();
    await world.ask('open', a, { text: 'a' });
    for (let i = 0; i < 99; i++) await world.send('add', a);
    await pass(120);
    expect(snapshotsOf(a)).toMatchObject([{ version: 100, due: null }]);
    const folded: number[] = [];
    const { readActors } = world.log;
    world.log.readActors = async (of, ranges) => {
      const read = await readActors.call(world.log, of, ranges);
      folded.push(read.events.length);
      return read;
    };
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect(folded).toEqual([0]);
    expect(world.of(a).at(-1)?.version).toBe(101);
  });
});

it('of a family holds its members; it goes when the family has ended', async () => {
  await begin();
  const nest = 'ns_00000000000000000000000000';
  expect(boxId('x')).not.toBe(nest);
  await world.ask('lay', nest, { eggs: 3 });
  await pass(60);
  const shard = world.of(nest)[0]?.shard as Shard;
  expect(world.log.snapshots(shard)).toMatchObject([{ actorType: 'nest', version: 1, due: null }]);
  const offered: { taskId: string; attempt: number }[] = [];
  world.bus.onWork(({ payload }) => offered.push(...(JSON.parse(Buffer.from(payload).toString()) as typeof offered)));
  const beat = { incarnation: 'i1', slots: 4, free: 4, pools: ['default'], types: ['egg'], running: [] };
  world.bus.beat('o', 'w1', beat);
  await world.ask('warm', nest);
  await eventually(() => offered.length === 3);
  for (const { taskId, attempt } of offered) {
    await world.ask('claim', taskId, { attempt, worker: 'w1', incarnation: 'i1' }, { principal: 'worker:w1' });
    await world.ask('complete', taskId, { attempt }, { principal: 'worker:w1' });
  }
  await eventually(() => world.of(nest).some(({ type }) => type === 'Empty'));
  await pass(30);
  expect(world.log.snapshots(shard)).toEqual([]);
});

it('of a family that is too large has no state: it is found all the same, and folded anew', async () => {
  const first = await begin();
  const nest = 'ns_00000000000000000000000000';
  await world.ask('lay', nest, { eggs: 501 });
  await world.ask('warm', nest);
  await pass(40);
  const shard = world.of(nest)[0]?.shard as Shard;
  expect(world.log.snapshots(shard).map(({ due, state }) => [due, state.length])).toEqual([[0, 0]]);
  await world.crash(first);
  // The recovery begins behind all of its events.
  const { claim } = world.log;
  world.log.claim = async (...args) =>
    (await claim.apply(world.log, args)).map((row) => ({ ...row, flushedSeq: row.seq }));
  world.log.snapshotsWholeTo = async (of) => seq(world.size(of));
  const { names } = readings();
  const offered = new Set<string>();
  world.bus.onWork(({ payload }) => {
    for (const { taskId } of JSON.parse(Buffer.from(payload).toString()) as { taskId: string }[]) offered.add(taskId);
  });
  world.bus.beat('o', 'w1', {
    incarnation: 'i1',
    slots: 600,
    free: 600,
    pools: ['default'],
    types: ['egg'],
    running: [],
  });
  await world.start();
  world.bus.beat('o', 'w1', {
    incarnation: 'i1',
    slots: 600,
    free: 600,
    pools: ['default'],
    types: ['egg'],
    running: [],
  });
  await eventually(() => offered.size === 501);
  expect(names).toEqual(['0'.repeat(32), `${'0'.repeat(32)} anew`]);
});
