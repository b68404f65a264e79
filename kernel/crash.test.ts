import { afterEach, describe, expect, it } from 'vitest';
import { derivedId } from './ids.ts';
import { ManualClock } from './memory/clock.ts';
import { eventually, homeOf, together, turns, World } from './testing/world.ts';

let world: World;
const begin = (of = new World()): World => {
  world = of;
  return of;
};
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});

describe('a kernel that is killed', () => {
  it('leaves the rest of a cut cascade in the log: the next owner runs it, once (I4)', async () => {
    const { log } = begin();
    const first = await world.start();
    const [a, b] = together();
    const home = homeOf(a);
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    // Past the cascade's bound of 512, the rest goes through the shard's channel to itself, one unit each.
    await world.send('add', a, { to: b, copies: 2000 });
    // The store takes the cascade with the first of what follows, and some more; then it is away.
    let commits = 0;
    log.fault = (parts) =>
      parts.some(({ shard, events }) => shard === home && events.length > 0) && ++commits > 2
        ? 'unavailable'
        : undefined;
    await eventually(() => commits > 2);
    await world.crash(first);
    expect(world.size(home)).toBeLessThan(2000);
    log.fault = () => undefined;
    await world.start();
    await eventually(() => world.size(home) === 2003);
    expect(await world.ask('add', b)).toMatchObject({ ok: true });
    expect(world.of(b).map(({ version }) => version)).toEqual(Array.from({ length: 2002 }, (_, i) => i + 1));
    expect(await world.verified()).toBe(true);
  });

  it('leaves ready work that nobody was offered yet: the next owner offers all of it', async () => {
    const { bus } = begin();
    const nest = derivedId('ns', 'nest');
    const first = await world.start();
    await world.ask('lay', nest, { eggs: 12 });
    await world.ask('warm', nest);
    await world.crash(first);
    const offered = new Set<string>();
    bus.onWork(({ payload }) => {
      for (const { taskId } of JSON.parse(Buffer.from(payload).toString()) as { taskId: string }[]) offered.add(taskId);
    });
    // A worker with room for all is heard before the shards are recovered: there is credit as soon as there is work.
    const { inspect } = bus;
    bus.inspect = async (...args) => {
      bus.beat('o', 'w1', { incarnation: 'i1', slots: 20, free: 20, pools: ['default'], types: ['egg'], running: [] });
      return inspect.apply(bus, args);
    };
    await world.start();
    await eventually(() => offered.size === 12);
  });

  it('leaves open what had ended in its memory alone (I8)', async () => {
    const clock = new ManualClock();
    const { log } = begin(new World(clock));
    const first = await world.start();
    const [a, b] = together();
    const home = homeOf(a);
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await world.ask('wait', a, { ms: 200 });
    // The store is away while more than one commit holds is decided, and then that the timer of `a` has rung.
    let away = true;
    log.fault = (parts) =>
      parts.some(({ shard, events }) => shard === home && (away || events.some(({ type }) => type === 'Rang')))
        ? 'unavailable'
        : undefined;
    await world.send('add', b, { to: b, copies: 5000 });
    await turns(200);
    clock.advance(250);
    await turns();
    // What has ended is seen to have ended by the housekeeping of the next second.
    clock.advance(1000);
    await turns();
    away = false;
    const before = world.size(home);
    while (world.size(home) < before + 4000) {
      clock.advance(1000);
      await turns();
    }
    await world.crash(first);
    expect(world.of(a).map(({ type }) => type)).toEqual(['Opened', 'Waiting']);
    log.fault = () => undefined;
    await world.start();
    while (!world.of(a).some(({ type }) => type === 'Rang')) {
      clock.advance(1000);
      await turns();
    }
  });
});

describe('a shard that folds its memory again', () => {
  it('goes on with what it sent itself, opened as it was sealed', async () => {
    const { log } = begin();
    await world.start();
    const [a, b] = together();
    await world.ask('open', a, { text: 'a', subject: 'ada' }, { subject: 'ada' });
    await world.ask('open', b, { text: 'b' });
    // One message of the rest of a cut cascade comes to something that the store refuses.
    log.refuses = ({ actorType, body }) => actorType === 'box' && body.includes(':600') && !body.includes('effects');
    await world.send('add', a, { to: b, by: 2, copies: 700 });
    await eventually(() => world.size(homeOf(a)) === 2 + 1 + 699 + 1);
    const counted = world
      .of(b)
      .slice(1)
      .map(({ data }) => (data as { by: number }).by);
    expect(counted).toEqual(Array.from({ length: 699 }, () => 2));
    expect(world.events().filter(({ type }) => type === 'Parked')).toHaveLength(1);
  });
});
