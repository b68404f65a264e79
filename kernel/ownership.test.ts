import { afterEach, describe, expect, it } from 'vitest';
import { balanceMs, inspectMs, leaseMs, leaseRenewMs, purgeMs } from './bounds.ts';
import { micros } from './brand.ts';
import type { Clock } from './clock.ts';
import { derivedId } from './ids.ts';
import type { Kernel } from './kernel.ts';
import { ManualClock } from './memory/clock.ts';
import { shareOf } from './ownership.ts';
import { boxId, eventually, homeOf, turns, World } from './testing/world.ts';

let world: World;
let clock: ManualClock;
const begin = (): World => {
  clock = new ManualClock();
  world = new World(clock);
  return world;
};
/** Lets time pass until it is so. */
const until = async (so: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await so())) {
    clock.advance(10);
    await turns(3);
  }
};
const pass = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(10);
    await turns(3);
  }
};
const evenly = async (...counts: readonly number[]): Promise<void> =>
  until(async () => JSON.stringify(await world.owned()) === JSON.stringify(counts));
/** Kernels of which each has its share. */
const kernels = async (count: number): Promise<readonly Kernel[]> => {
  for (let i = 0; i < count; i++) await world.launch();
  await evenly(...Array.from({ length: count }, (_, place) => shareOf(place, count, 8)));
  let ready = false;
  void Promise.all(world.kernels.map((kernel) => kernel.ready)).then(() => {
    ready = true;
  });
  await until(() => ready);
  return [...world.kernels];
};
/** A box on a shard of this kernel. */
const boxOf = (kernel: Kernel | undefined): string => {
  for (let i = 0; ; i++) if (kernel?.stats().shards.includes(homeOf(boxId(`x${i}`)))) return boxId(`x${i}`);
};
/** Asks, and lets time pass until there is an answer. */
const ask = async (...args: Parameters<World['ask']>): ReturnType<World['ask']> => {
  let answer: Awaited<ReturnType<World['ask']>> | undefined;
  void world.ask(...args).then((reply) => {
    answer = reply;
  });
  await until(() => answer !== undefined);
  return answer as Awaited<ReturnType<World['ask']>>;
};

afterEach(async () => {
  let ended = false;
  const ending = world.end().then(() => {
    ended = true;
  });
  await until(() => ended);
  await ending;
  expect(world.defects).toEqual([]);
  expect(await world.verified()).toBe(true);
});

describe('the share of a process', () => {
  it.each([1, 2, 3, 5, 7, 10, 63, 64, 65, 100])('is as even as can be among %i', (processes) => {
    begin();
    const shares = Array.from({ length: processes }, (_, place) => shareOf(place, processes, 64));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(64);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    expect(Math.max(...shares)).toBe(Math.ceil(64 / processes));
  });
});

describe('kernels that join and leave', () => {
  it('share the shards out evenly, and refuse no command meanwhile', async () => {
    const { log } = begin();
    // A commit takes its time, before it is done and before it is told: there is always one under way.
    const { commit } = log;
    log.commit = async (parts) => {
      await turns(2);
      const outcome = await commit.call(log, parts);
      await turns(2);
      return outcome;
    };
    await world.launch();
    const boxes = Array.from({ length: 16 }, (_, i) => boxId(`b${i}`));
    for (const box of boxes) await ask('open', box, { text: 'b' });
    const { replyTo, answers } = world.answers();
    let sent = 0;
    const commands = async (): Promise<void> => {
      for (const box of boxes) await world.send('add', box, {}, { replyTo });
      sent += boxes.length;
      await turns(2);
    };
    for (const counts of [
      [4, 4],
      [3, 3, 2],
    ]) {
      await world.launch();
      await until(async () => {
        await commands();
        return JSON.stringify(await world.owned()) === JSON.stringify(counts);
      });
    }
    const [first] = world.kernels.splice(0, 1);
    const stopping = first?.stop();
    await until(async () => {
      await commands();
      return JSON.stringify(await world.owned()) === '[4,4]';
    });
    await stopping;
    await until(() => answers.length === sent);
    expect(answers.filter((answer) => !('ok' in answer && answer.ok))).toEqual([]);
    expect(world.events().filter(({ type }) => type === 'Added')).toHaveLength(sent);
    // Nothing was taken by force: each shard was given back, and waited for.
    expect(world.warnings).toEqual([]);
  });

  it('hand over within a look of the others: what is left of a second is for recovery', async () => {
    begin();
    await world.start();
    await world.launch();
    const from = clock.monotonicMs();
    await evenly(4, 4);
    expect(clock.monotonicMs() - from).toBeLessThanOrEqual(balanceMs + 100);
    const [, second] = world.kernels;
    await until(() => second?.stats().shards.length === 4);
    const left = clock.monotonicMs();
    world.kernels.pop();
    void second?.stop();
    await evenly(8);
    expect(clock.monotonicMs() - left).toBeLessThanOrEqual(balanceMs + 100);
    expect(await world.log.living(leaseMs)).toEqual([world.kernels[0]?.owner]);
  });

  it('need not agree on the time, nor go by their own', async () => {
    begin();
    // A machine's clock, wrong by so much, as the kernel's own is made of it.
    const wrong = (byMs: number): Clock => {
      let offsetUs = 0;
      const monotonicMs = (): number => clock.monotonicMs() + byMs;
      return {
        now: () => micros(Math.round(monotonicMs() * 1000) + offsetUs),
        monotonicMs,
        anchor: (now, atMonotonicMs) => {
          offsetUs = now - Math.round(atMonotonicMs * 1000);
        },
        after: (ms, then) => clock.after(ms, then),
      };
    };
    for (const hours of [0, 1, -1]) await world.launch({ clock: wrong(hours * 3_600_000) });
    await evenly(3, 3, 2);
    const boxes = Array.from({ length: 16 }, (_, i) => boxId(`b${i}`));
    for (const box of boxes) await ask('open', box, { text: 'b' });
    await pass(leaseMs * 2);
    expect(await world.owned()).toEqual([3, 3, 2]);
    for (const { at } of world.events()) {
      expect(at).toBeLessThanOrEqual(clock.now());
      expect(at).toBeGreaterThan(clock.now() - 60_000_000);
    }
    expect(world.warnings).toEqual([]);
  });

  it('go on with timers and with work that was offered, wherever their shard is', async () => {
    begin();
    await world.start();
    const nest = derivedId('ns', 'nest');
    const offered: { taskId: string; attempt: number }[] = [];
    world.bus.onWork(({ payload }) => offered.push(...(JSON.parse(Buffer.from(payload).toString()) as typeof offered)));
    await ask('lay', nest, { eggs: 2 });
    await ask('warm', nest);
    for (let i = 0; i < 16; i++) await ask('open', boxId(`t${i}`), { text: 't' });
    for (let i = 0; i < 16; i++) await ask('wait', boxId(`t${i}`), { ms: 5000 });
    await until(() => offered.length === 2);
    await world.launch();
    await evenly(4, 4);
    const [first] = world.kernels.splice(0, 1);
    void first?.stop();
    await evenly(8);
    await until(() => offered.length >= 4);
    expect(new Set(offered.map(({ taskId, attempt }) => `${taskId}:${attempt}`)).size).toBe(2);
    await until(() => world.events().filter(({ type }) => type === 'Rang').length === 16);
    await pass(6000);
    expect(world.events().filter(({ type }) => type === 'Rang')).toHaveLength(16);
  });

  it('leave publications to the owner of shard 0, whoever that is', async () => {
    const { bus } = begin();
    let open = 0;
    const { openIngress } = bus;
    bus.openIngress = async (handle) => {
      const ingress = await openIngress.call(bus, handle);
      open++;
      return {
        stop: async () => {
          await ingress.stop();
          open--;
        },
      };
    };
    await kernels(3);
    const publish = async (name: string): Promise<void> => {
      let reply: unknown;
      bus.onReply(`astra.reply.o.${name}`, (got) => {
        reply = got;
      });
      bus.publish({
        org: 'o',
        verb: `box.open:${name}`,
        contentType: 'application/json',
        payload: Buffer.from('{"text":"p"}'),
        replyTo: `astra.reply.o.${name}`,
      });
      await until(() => reply !== undefined);
      expect(reply).toMatchObject({ ok: true, id: boxId(name) });
    };
    await publish('one');
    for (const name of ['two', 'three']) {
      expect(open).toBe(1);
      const [owner] = world.kernels.splice(0, 1);
      expect(owner?.stats().shards).toContain(0);
      await owner?.stop();
      await until(() => world.kernels.some((kernel) => kernel.stats().shards.includes(0)));
      await publish(name);
    }
    expect(open).toBe(1);
    // Also when nobody gave it back.
    await world.launch();
    await evenly(4, 4);
    const wake = world.pause(world.kernels[0] as Kernel);
    await until(async () => (await world.owned())[0] === 0);
    await publish('four');
    wake();
    await evenly(4, 4);
    expect(open).toBe(1);
    await publish('five');
  });
});

describe('a kernel that is killed', () => {
  it('is done without within three seconds', async () => {
    begin();
    const [, second, third] = await kernels(3);
    const box = boxOf(second);
    await ask('open', box, { text: 'a' });
    world.kill(second as Kernel);
    const from = clock.monotonicMs();
    expect(await ask('add', box)).toMatchObject({ ok: true });
    expect(clock.monotonicMs() - from).toBeLessThan(3000);
    await evenly(4, 4);
    expect(third?.stats().shards).toHaveLength(4);
  });
});

describe('a kernel that was suspended', () => {
  it('writes nothing and answers nobody once others own its shards, wherever it was interrupted', async () => {
    begin();
    const [, second] = await kernels(2);
    const box = boxOf(second);
    await ask('open', box, { text: 'a' });
    for (let at = 0; at < 12; at++) {
      const subject = world.answers();
      await evenly(4, 4);
      const victim = world.kernels.find((kernel) => kernel.stats().shards.includes(homeOf(box))) as Kernel;
      await world.send('add', box, {}, { replyTo: subject.replyTo });
      await turns(at);
      const wake = world.pause(victim);
      await until(async () => !(await world.log.heads()).some(({ owner }) => owner === victim.owner));
      await until(() => subject.answers.length > 0);
      const written = world.size(homeOf(box));
      wake();
      await turns();
      expect(subject.answers).toHaveLength(1);
      expect(world.size(homeOf(box))).toBe(written);
      expect(victim.stats().shards.filter((shard) => shard === homeOf(box))).toEqual([]);
      // It finds out, and counts again.
      await evenly(4, 4);
      expect(world.of(box)).toHaveLength(at + 2);
      expect(subject.answers).toHaveLength(1);
    }
    world.defects.length = 0;
  }, 60_000);

  it('does not stop what workers run for the new owner', async () => {
    const { bus } = begin();
    const nest = derivedId('ns', 'nest');
    const offered: { taskId: string; attempt: number }[] = [];
    bus.onWork(({ payload }) => offered.push(...(JSON.parse(Buffer.from(payload).toString()) as typeof offered)));
    const stops: unknown[] = [];
    bus.onControl((_org, _worker, payload) =>
      stops.push(...(JSON.parse(Buffer.from(payload).toString()) as { stop: unknown[] }).stop),
    );
    const beat = (slots: number, running: readonly object[]): void =>
      bus.beat('o', 'w1', { incarnation: 'i1', slots, free: slots, pools: ['default'], types: ['egg'], running });
    const first = await world.start();
    await world.launch();
    await evenly(4, 4);
    await ask('lay', nest, { eggs: 12 });
    await ask('warm', nest);
    // As many as a pool without workers is offered: what the owner knows of the others is that they are ready.
    await until(() => offered.length === 4);
    const known = new Set(offered.map(({ taskId }) => taskId));
    const home = world.of(nest)[0]?.shard as number;
    const victim = first.stats().shards.includes(home) ? first : (world.kernels[1] as Kernel);
    const wake = world.pause(victim);
    await until(async () => !(await world.log.heads()).some(({ owner }) => owner === victim.owner));
    beat(40, []);
    const unknown = (): string | undefined => offered.find(({ taskId }) => !known.has(taskId))?.taskId;
    await until(() => unknown() !== undefined);
    const taskId = unknown() as string;
    expect(await ask('claim', taskId, { attempt: 1, worker: 'w1', incarnation: 'i1' })).toMatchObject({ ok: true });
    beat(40, [{ taskId, attempt: 1 }]);
    await turns();
    wake();
    await turns();
    expect(stops).toEqual([]);
    expect(await ask('complete', taskId, { attempt: 1 })).toMatchObject({ ok: true });
  });

  it('does not take what the new owner has purged for a bus that forgot', async () => {
    const { bus, log } = begin();
    const [first] = await kernels(2);
    // The one that leads, so that nobody else would have to be asked.
    const box = boxOf(first);
    await ask('open', box, { text: 'a' });
    const wake = world.pause(first as Kernel);
    await until(async () => !(await log.heads()).some(({ owner }) => owner === first?.owner));
    for (let i = 0; i < 5; i++) await ask('add', box);
    await pass(purgeMs * 3);
    bus.disconnect();
    bus.reconnect();
    wake();
    await evenly(4, 4);
    await pass(inspectMs * 2);
    expect((await log.meta()).generation).toBe(1);
    expect(world.warnings.filter((text) => text.includes('forgot'))).toEqual([]);
    expect(await ask('add', box)).toMatchObject({ ok: true });
  });
});

describe('a bus that forgot', () => {
  it('is made anew once, whoever finds it out first', async () => {
    const { bus, log } = begin();
    await kernels(3);
    const boxes = world.kernels.map((kernel) => boxOf(kernel));
    for (const box of boxes) await ask('open', box, { text: 'a' });
    let made = 0;
    let begun = 0;
    const { recreate } = bus;
    bus.recreate = async (...args) => {
      begun++;
      // It takes its time: meanwhile the others look, too.
      await turns(20);
      await recreate.apply(bus, args);
      made++;
    };
    bus.disconnect();
    bus.wipe();
    bus.reconnect();
    // What is published before is lost with what was there.
    await until(() => made === 1);
    for (const box of boxes) expect(await ask('add', box)).toMatchObject({ ok: true });
    await pass(inspectMs * 2);
    expect(begun).toBe(1);
    expect((await log.meta()).generation).toBe(2);
    await pass(leaseRenewMs);
    for (const box of boxes) expect(await ask('add', box)).toMatchObject({ ok: true });
    for (const { lane } of await log.heads(boxes.map(homeOf))) expect(lane.generation).toBe(2);
  });

  it('is not suspected because another kernel went on and purged its lane while this one looked', async () => {
    const { bus, log } = begin();
    const [, second] = await kernels(2);
    const box = boxOf(second);
    await ask('open', box, { text: 'a' });
    // Who leads looks at everybody's lanes.
    const { inspect } = bus;
    let looking = false;
    bus.inspect = async (generation, lanes) => {
      if (lanes.size === 8) {
        looking = true;
        while (looking) await turns(1);
      }
      return inspect.call(bus, generation, lanes);
    };
    await until(() => looking);
    await ask('add', box);
    await pass(purgeMs * 2);
    bus.inspect = inspect;
    looking = false;
    await pass(purgeMs);
    expect(await ask('add', box)).toMatchObject({ ok: true });
    expect((await log.meta()).generation).toBe(1);
    expect(world.warnings).toEqual([]);
  });

  it('in a lane of one that does not lead is found out by the one that leads', async () => {
    const { bus, log } = begin();
    const [, second] = await kernels(2);
    const box = boxOf(second);
    for (let i = 0; i < 3; i++) await ask('open', box, { text: 'a' });
    const [row] = await log.heads([homeOf(box)]);
    bus.rollBack((row?.lane.sequence ?? 0) - 1);
    await until(async () => (await log.meta()).generation === 2);
    expect(await ask('add', box)).toMatchObject({ ok: true });
    await eventually(() => world.warnings.some((text) => text.includes('the bus forgot')));
  });
});
