import { afterEach, describe, expect, it } from 'vitest';
import { clockMs, inboxMessagesMax, inspectMs, leaseRenewMs, purgeMs, stopMs, uncommittedUnitsMax } from './bounds.ts';
import { micros, type Shard } from './brand.ts';
import { AstraError } from './errors.ts';
import { ManualClock } from './memory/clock.ts';
import { apart, boxId, eventually, homeOf, turns, World } from './testing/world.ts';

let world: World;
const begin = (of = new World()): World => {
  world = of;
  return of;
};
/** A world whose clock stands still until it is moved. */
const still = (): {
  clock: ManualClock;
  pass: (ms: number) => Promise<void>;
  until: (c: () => boolean) => Promise<void>;
} => {
  const clock = new ManualClock();
  begin(new World(clock));
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turns();
  };
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await pass(50);
  };
  return { clock, pass, until };
};
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});
const away = () => new AstraError('unavailable', 'bus_unavailable', 'the bus does not answer');

describe('a store that is away', () => {
  it('while a kernel recovers its shards: it goes on when the store is back', async () => {
    const { log, bus } = begin();
    const before = await world.start();
    await world.ask('open', boxId('a'), { text: 'a' });
    await before.stop();
    const { inspect } = bus;
    bus.inspect = async (...args) => {
      log.up = false;
      return inspect.apply(bus, args);
    };
    const kernel = await world.launch();
    await eventually(() => world.warnings.some((text) => text.includes('folds its memory again')));
    bus.inspect = inspect;
    log.up = true;
    await kernel.ready;
    expect(await world.ask('add', boxId('a'))).toMatchObject({ ok: true });
  });

  it('has the lanes held back, not heaped up: refusals come to no event, and still wait for their commit', async () => {
    const { log, bus } = begin();
    await world.start();
    const home = homeOf(boxId('a'));
    await world.ask('open', boxId('a'), { text: 'a' });
    let delivered = 0;
    // The lane is opened again by a kernel that comes back, so that what it is sent can be counted.
    const { openLane } = bus;
    bus.openLane = (of, from, deliver) =>
      openLane.call(bus, of, from, (message) => {
        if (of === home) delivered++;
        return deliver(message);
      });
    await world.kernels[0]?.stop();
    world.kernels.length = 0;
    await world.start();
    await world.ask('add', boxId('a'));
    log.fault = () => 'unavailable';
    const { replyTo, answers } = world.answers();
    const most = uncommittedUnitsMax + inboxMessagesMax;
    for (let i = 0; i < most + 2000; i++) await world.send('nonsense', boxId('a'), {}, { replyTo });
    await turns(500);
    expect(delivered).toBeLessThan(most + 600);
    expect(answers).toEqual([]);
    log.fault = () => undefined;
    await eventually(() => answers.length === most + 2000);
  }, 20_000);

  it('does not keep a kernel from stopping', async () => {
    const { clock, until } = still();
    const kernel = await world.start();
    await world.ask('open', boxId('a'), { text: 'a' });
    world.log.fault = () => 'unavailable';
    await world.send('add', boxId('a'));
    await turns();
    let stopped = false;
    const stopping = kernel.stop().then(() => {
      stopped = true;
    });
    const from = clock.monotonicMs();
    await until(() => stopped);
    await stopping;
    expect(clock.monotonicMs() - from).toBeLessThan(2 * stopMs);
    world.kernels.length = 0;
  });

  it('does not have a command decided on memory that was folded again meanwhile', async () => {
    const { log } = begin();
    await world.start();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    // While the second command waits for an answer of the store, the store refuses what the first one came to.
    log.refuses = ({ actorType, body }) => actorType === 'box' && body.includes('unfit');
    const { findCommands } = log;
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    log.findCommands = async (...args) => {
      await held;
      return findCommands.apply(log, args);
    };
    const first = world.ask('add', a, { text: 'unfit' });
    const second = world.ask('add', a, {}, { keyed: 'command', id: 'key-1', fingerprint: 'f' });
    await eventually(() => world.warnings.some((text) => text.includes('folds its memory again')));
    await turns();
    go();
    expect(await first).toMatchObject({ ok: false, problem: { code: 'data_refused' } });
    expect(await second).toMatchObject({ ok: true });
    expect(world.of(a).map(({ version }) => version)).toEqual([1, 2]);
    expect(await world.verified()).toBe(true);
  });
});

describe('a shard that is lost', () => {
  it('is claimed again by the kernel that the store still names its owner', async () => {
    const { log } = begin();
    const kernel = await world.start();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    // Its commits are not written, as if somebody had taken it; but nobody has.
    const { commit } = log;
    let refused = 0;
    log.commit = async (parts) => {
      if (refused++ > 0 || !parts.some(({ shard }) => shard === homeOf(a))) return commit.call(log, parts);
      const rest = await commit.call(
        log,
        parts.filter((part) => part.shard !== homeOf(a)),
      );
      return { ...rest, written: new Set([...rest.written].filter((of) => of !== homeOf(a))) };
    };
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect(world.of(a).map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect((await log.heads([homeOf(a)]))[0]?.owner).toBe(kernel.owner);
  });

  it('and claimed again goes on with publications, when a commit of before is found fenced only then', async () => {
    const { pass, until } = still();
    const { log, bus } = world;
    const first = 0 as Shard;
    const kernel = await world.start();
    const a = Array.from({ length: 100 }, (_, i) => boxId(`z${i}`)).find((box) => homeOf(box) === first) as string;
    const { commit } = log;
    let go: (() => void) | undefined;
    log.commit = async (parts) => {
      if (!go && parts.some(({ shard }) => shard === first)) await new Promise<void>((resolve) => (go = resolve));
      return commit.call(log, parts);
    };
    const lost = (): number => world.warnings.filter((text) => text.startsWith('shard lost')).length;
    await world.send('open', a, { text: 'a' });
    await until(() => go !== undefined);
    await log.release(kernel.owner, await log.heads([first]));
    await log.claim('kn_other', 1, [first]);
    await until(() => lost() === 1 && kernel.stats().shards.length === 8);
    go?.();
    await pass(purgeMs);
    const { replyTo, answers } = world.answers();
    const payload = Buffer.from(JSON.stringify({ text: 'p' }));
    bus.publish({ org: 'o', verb: 'box.open', contentType: 'application/json', payload, replyTo });
    await until(() => answers.length > 0);
    expect(answers[0]).toMatchObject({ ok: true });
  });

  it('is not given up for an answer about leases that was asked before it was claimed', async () => {
    const { clock, pass } = still();
    const { log } = world;
    const { renew, claim } = log;
    let answer: ((held: readonly Shard[]) => void) | undefined;
    let renewals = 0;
    log.renew = (...args) => (renewals++ === 0 ? renew.apply(log, args) : new Promise((resolve) => (answer = resolve)));
    log.claim = async (...args) => {
      clock.advance(leaseRenewMs);
      await turns();
      return claim.apply(log, args);
    };
    const kernel = await world.start();
    log.claim = claim;
    log.renew = renew;
    // It held nothing when it asked.
    answer?.([]);
    await pass(leaseRenewMs);
    expect(answer).toBeDefined();
    expect(kernel.stats().shards).toHaveLength(8);
    expect(world.warnings).toEqual([]);
  });
});

describe('a bus that is away', () => {
  it('while lanes are opened: they are opened when it is back', async () => {
    const { bus } = begin();
    const { openLane, openChannels } = bus;
    let failures = 0;
    bus.openLane = async (...args) => {
      if (failures++ < 12) throw away();
      return openLane.apply(bus, args);
    };
    bus.openChannels = async (...args) => {
      if (failures++ < 20) throw away();
      return openChannels.apply(bus, args);
    };
    await world.start();
    expect(await world.ask('open', boxId('a'), { text: 'a' })).toMatchObject({ ok: true });
  });

  it('while its lanes are opened after it forgot: they are opened all the same', async () => {
    const { bus } = begin();
    await world.start();
    await world.ask('open', boxId('a'), { text: 'a' });
    const { openLane } = bus;
    let failures = 0;
    bus.openLane = async (...args) => {
      if (failures++ < 12) throw away();
      return openLane.apply(bus, args);
    };
    bus.disconnect();
    bus.wipe();
    bus.reconnect();
    await eventually(() => failures >= 12);
    expect(await world.ask('add', boxId('a'))).toMatchObject({ ok: true });
  });

  it('together with the store: when both are back, all goes on by itself', async () => {
    const { log, bus } = begin();
    await world.start();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await world.ask('wait', a, { ms: 100 });
    const { replyTo, answers } = world.answers();
    log.up = false;
    await world.send('add', a, { to: b }, { replyTo });
    await turns();
    bus.disconnect();
    await eventually(() => world.warnings.some((text) => text.includes('does not take commits')));
    log.up = true;
    await eventually(() => world.of(a).some(({ type }) => type === 'Rang'));
    bus.reconnect();
    await eventually(() => world.of(b).length === 2);
    // Its answer fell into the time without a bus: it is there for who asks again.
    expect(answers).toEqual([]);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect(
      world
        .of(a)
        .map(({ type }) => type)
        .sort(),
    ).toEqual(['Added', 'Added', 'Opened', 'Rang', 'Waiting']);
  });
});

describe('a bus that forgot', () => {
  it('without a loss of the connection is found out', async () => {
    const { until } = still();
    await world.start();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    world.bus.wipe();
    const { replyTo, answers } = world.answers();
    await until(() => world.warnings.some((text) => text.includes('the bus forgot')));
    await world.send('add', a, {}, { replyTo });
    await until(() => answers.length > 0);
    expect(answers[0]).toMatchObject({ ok: true });
    expect(inspectMs).toBeGreaterThan(purgeMs);
  });

  it('is made anew once, however many kernels find out', async () => {
    const { pass, until } = still();
    await world.start();
    await world.launch();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    const { recreate } = world.bus;
    let made = 0;
    world.bus.recreate = async (...args) => {
      made++;
      await recreate.apply(world.bus, args);
    };
    world.bus.wipe();
    await until(() => made > 0);
    await world.ask('add', a);
    await pass(3 * inspectMs);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect(made).toBe(1);
  });

  it('has nothing decided twice that reached its new streams before they were known to be new (I3)', async () => {
    const { bus, log } = begin();
    await world.start();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    bus.disconnect();
    bus.wipe();
    // A client is quick: its command is on the new stream before the kernel has opened its lanes there.
    const { recreate } = bus;
    const { replyTo, answers } = world.answers();
    bus.recreate = async (...args) => {
      await recreate.apply(bus, args);
      await world.send('add', a, {}, { replyTo });
      await turns();
    };
    bus.reconnect();
    await eventually(() => answers.length > 0);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    // What is read again is decided again, if it is: give it the time.
    await turns(500);
    expect(world.of(a).map(({ version }) => version)).toEqual([1, 2, 3]);
    expect(answers).toHaveLength(1);
    expect((await log.meta()).generation).toBe(2);
  });

  it('and forgets again before anything of its new streams was consumed has its lanes read from their beginning', async () => {
    const { bus, log } = begin();
    const first = await world.start();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    for (let i = 0; i < 20; i++) await world.ask('add', a);
    await first.stop();
    world.kernels.length = 0;
    // A kernel raised the generation and died; the store of the bus was replaced.
    await log.raiseGeneration((await log.meta()).generation);
    bus.wipe();
    await world.start();
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
  });

  it('is not suspected because the message that is looked at was purged meanwhile', async () => {
    const { pass, until } = still();
    const { bus, log } = world;
    await world.start();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    // The look takes its time: meanwhile the lane goes on, and more than a second passes.
    const { inspect } = bus;
    let looking = false;
    bus.inspect = async (generation, lanes) => {
      looking = true;
      while (looking) await turns(1);
      return inspect.call(bus, generation, lanes);
    };
    await until(() => looking);
    await world.ask('add', a);
    await pass(purgeMs * 2);
    bus.inspect = inspect;
    looking = false;
    await pass(purgeMs);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect((await log.meta()).generation).toBe(1);
  });
});

describe('a store whose clock was set', () => {
  it('is heard of by a kernel that commits nothing', async () => {
    const clock = new ManualClock();
    world = new World(clock);
    await world.start();
    const heard: number[] = [];
    clock.anchor = (now) => void heard.push(now);
    const { meta } = world.log;
    const hourUs = 3_600_000_000;
    world.log.meta = async () => {
      const found = await meta.call(world.log);
      return { ...found, now: micros(found.now + hourUs) };
    };
    clock.advance(clockMs);
    await eventually(() => heard.length > 0);
    expect(heard.at(-1)).toBeGreaterThanOrEqual(clock.now() - clockMs * 1000 + hourUs);
  });
});
