import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mailboxCommandsMax, mailboxTurnMax } from './bounds.ts';
import type { Shard } from './brand.ts';
import type { Envelope, Reply } from './envelope.ts';
import { boxId, eventually, homeOf, turns, World } from './testing/world.ts';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.start();
});
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
  expect(await world.verified()).toBe(true);
});

/** Boxes on one shard. */
function neighbours(count: number): string[] {
  const found: string[] = [];
  for (let i = 0; found.length < count; i++)
    if (homeOf(boxId(`n${i}`)) === homeOf(boxId('n0'))) found.push(boxId(`n${i}`));
  return found;
}

async function opened(count: number): Promise<string[]> {
  const boxes = neighbours(count);
  for (const id of boxes) await world.ask('open', id, { text: id });
  return boxes;
}

/** So many commands for a box, each with its number (by thirteen a box breaks), and their answers as they come. */
const flood = (id: string, count: number): Promise<Reply>[] =>
  upTo(count).map((i) => world.ask('add', id, { by: first + i }));
const first = 100;

/** In the order of the log. */
const log = (shard: Shard) => world.events().filter((event) => event.shard === shard);
const numbersOf = (id: string): number[] =>
  world
    .of(id)
    .filter(({ type }) => type === 'Added')
    .map(({ data }) => (data as { by: number }).by - first);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const deferred = () =>
  world.events().flatMap(({ type, data, actor }) =>
    type === 'CommandsDeferred'
      ? (data as unknown as { commands: readonly { command: Envelope }[] }).commands.map(({ command }) => ({
          command,
          actor,
        }))
      : [],
  );
const parked = () => world.events().filter(({ type }) => type === 'Parked');
const allOk = async (asked: readonly Promise<Reply>[]): Promise<void> => {
  for (const reply of await Promise.all(asked)) expect(reply).toMatchObject({ ok: true });
};

describe('an actor with more than its share of a window', () => {
  it('lets the others come through, and has its own commands decided in their order, each answered', async () => {
    const [hot, calm] = (await opened(2)) as [string, string];
    const go = world.occupy(hot);
    const asked = flood(hot, 800);
    const other = world.ask('add', calm);
    await turns();
    go();
    expect(await other).toMatchObject({ ok: true });
    await allOk(asked);
    expect(numbersOf(hot)).toEqual(upTo(800));
    // The calm one came last, and was decided before the most of what came before it.
    const order = log(homeOf(hot)).filter(({ type }) => type === 'Added');
    expect(order.findIndex(({ actor }) => actor.id === calm)).toBeLessThan(400);
  });

  it('takes turns with others like it, command by command', async () => {
    const [a, b] = (await opened(2)) as [string, string];
    const go = world.occupy(a);
    const asked = [...flood(a, 400), ...flood(b, 400)];
    await turns();
    go();
    await allOk(asked);
    expect([numbersOf(a), numbersOf(b)]).toEqual([upTo(400), upTo(400)]);
    // Once all are deferred it is one of each.
    const events = log(homeOf(a));
    const last = events.map(({ type }) => type).lastIndexOf('CommandsDeferred');
    const left = events.slice(last).filter(({ type }) => type === 'Added');
    const order = left.map(({ actor }) => actor.id);
    const both = 2 * Math.min(...[a, b].map((id) => order.filter((one) => one === id).length)) - 1;
    expect(both).toBeGreaterThan(200);
    // As many as one turn takes.
    for (let i = mailboxTurnMax; i < both - mailboxTurnMax; i++) expect(order[i]).not.toBe(order[i - mailboxTurnMax]);
  });

  it('loses nothing of it with the process, the owner or the bus', async () => {
    const [hot] = (await opened(1)) as [string];
    const go = world.occupy(hot);
    const asked = flood(hot, 700);
    await turns();
    go();
    await eventually(() => deferred().length > 300);
    await world.crash(world.kernels[0] as never);
    await world.start();
    await eventually(() => numbersOf(hot).length > 200);
    const second = await world.start();
    await world.kernels[0]?.stop();
    await world.crash(world.kernels[0] as never);
    await second.ready;
    world.bus.wipe();
    world.bus.disconnect();
    world.bus.reconnect();
    await allOk(asked);
    expect(numbersOf(hot)).toEqual(upTo(700));
  });

  it('is told `mailbox_full` at once with a thousand waiting, and when to come again', async () => {
    const [hot, calm] = (await opened(2)) as [string, string];
    const go = world.occupy(hot);
    const asked = flood(hot, 900);
    const others = flood(calm, 100);
    const more = flood(hot, 2200);
    await turns();
    go();
    await allOk(others);
    const replies = await Promise.all([...asked, ...more]);
    const full = replies.filter((reply) => !reply.ok);
    expect(full.length).toBeGreaterThan(0);
    for (const reply of full)
      expect(reply).toMatchObject({ problem: { kind: 'overloaded', code: 'mailbox_full', retryAfterMs: 1000 } });
    expect(numbersOf(hot).length).toBe(replies.length - full.length);
    expect(waitingMost(hot)).toBeLessThanOrEqual(mailboxCommandsMax);
    expect(parked()).toEqual([]);
  });

  it('has all decided that nobody waits for, in order: none is refused or parked', async () => {
    const [hot] = (await opened(1)) as [string];
    const go = world.occupy(hot);
    for (const i of upTo(3000)) await world.send('add', hot, { by: first + i });
    await turns();
    go();
    await eventually(() => numbersOf(hot).length === 3000);
    expect(numbersOf(hot)).toEqual(upTo(3000));
    expect(waitingMost(hot)).toBeLessThanOrEqual(mailboxCommandsMax);
    expect(deferred().length).toBeGreaterThan(1000);
    expect(parked()).toEqual([]);
  });

  it('has what does not fit into its mailbox decided in its turn, however large', async () => {
    const [hot] = (await opened(1)) as [string];
    const go = world.occupy(hot);
    const asked = flood(hot, 300);
    await world.send('add', hot, { by: first + 300, note: 'x'.repeat(1024 * 1024) });
    await world.send('add', hot, { by: first + 301 });
    await turns();
    go();
    await allOk(asked);
    await eventually(() => numbersOf(hot).length === 302);
    expect(numbersOf(hot)).toEqual(upTo(302));
  });

  it('has effects of others go behind what waits for it', async () => {
    const [hot, friend] = (await opened(2)) as [string, string];
    const go = world.occupy(hot);
    const asked = flood(hot, 400);
    const last = world.ask('add', friend, { to: hot, by: first + 400 });
    await turns();
    go();
    await allOk([...asked, last]);
    await eventually(() => numbersOf(hot).length === 401);
    expect(numbersOf(hot)).toEqual(upTo(401));
  });

  it('has a command parked that it fails on, and goes on with the next', async () => {
    const [hot] = (await opened(1)) as [string];
    const go = world.occupy(hot);
    // One throws, another breaks the fold: the shard folds its memory again, and has its mailboxes from the log.
    const before = flood(hot, 13);
    const broken = [world.ask('throw', hot), world.ask('add', hot, { by: 13 })];
    const behind = Array.from({ length: 400 }, (_, i) => world.ask('add', hot, { by: first + 100 + i }));
    await turns();
    go();
    for (const reply of await Promise.all(broken)) expect(reply).toMatchObject({ problem: { kind: 'contained' } });
    await allOk([...before, ...behind]);
    expect(numbersOf(hot)).toEqual([...upTo(13), ...upTo(400).map((i) => 100 + i)]);
    expect(parked()).toHaveLength(2);
    expect(world.defects.splice(0)).toMatchObject([
      { err: { message: 'box failed on add: thirteen breaks the fold' } },
    ]);
  });

  it.each(['supervision', 'box'])(
    'has one command parked of those put off together, when the store refuses it for a %s',
    async (actorType) => {
      const [hot] = (await opened(1)) as [string];
      world.log.refuses = (event) => event.actorType === actorType && event.body.includes('unfit');
      const go = world.occupy(hot);
      const before = flood(hot, 300);
      const unfit = world.ask('add', hot, { by: first, note: 'unfit' });
      const behind = flood(hot, 100);
      await turns();
      go();
      expect(await unfit).toMatchObject({ problem: { code: 'data_refused' } });
      await allOk([...before, ...behind]);
      expect(numbersOf(hot)).toEqual([...upTo(300), ...upTo(100)]);
      expect(parked()).toHaveLength(1);
    },
  );

  it('has what is personal sealed where it waits', async () => {
    const [hot] = neighbours(1) as [string];
    await world.ask('open', hot, { text: 'x', subject: 'ada' });
    const go = world.occupy(hot);
    const asked = upTo(400).map((i) => world.ask('add', hot, { by: first + i, note: 'a secret' }));
    await turns();
    go();
    await allOk(asked);
    expect(numbersOf(hot)).toEqual(upTo(400));
    const stored = world.log.all(homeOf(hot)).filter(({ type }) => type === 'CommandsDeferred');
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.filter(({ body }) => body.includes('a secret'))).toEqual([]);
  });

  it('has a keyed command carried out once, however often it waits', async () => {
    const [hot] = (await opened(1)) as [string];
    const go = world.occupy(hot);
    const asked = flood(hot, 200);
    const keyed = { id: 'key-1', keyed: 'command', fingerprint: 'f' } as const;
    const twice = [
      world.ask('add', hot, { by: first + 200 }, keyed),
      world.ask('add', hot, { by: first + 200 }, keyed),
    ];
    await turns();
    go();
    await allOk([...asked, ...twice]);
    expect(numbersOf(hot)).toEqual(upTo(201));
    expect(await twice[1]).toMatchObject({ replayed: true });
  });
});

describe('what workers say', () => {
  it('is never deferred, however much of it is about one family', async () => {
    const nest = `ns_${boxId('nest').slice(3)}`;
    await world.ask('lay', nest, { eggs: 1000 });
    await world.ask('warm', nest);
    const shard = world.events().find(({ actor }) => actor.id === nest)?.shard as Shard;
    const attempt = (i: number, command: string) => ({
      to: `${nest}.e${i}`,
      command,
      id: `${nest}.e${i}:1:${command}:w1`,
      body: { attempt: 1, worker: 'w1', incarnation: 'i1' },
    });
    for (let i = 0; i < 1000; i += 100)
      world.bus.sendEntries(
        shard,
        upTo(100).map((j) => ({
          ok: true,
          envelope: world.envelope('claim', `${nest}.e${i + j}`, attempt(i + j, 'claim').body),
        })),
        `astra.reply.o.claims${i}`,
      );
    await turns();
    await world.ask('warm', nest);
    expect(deferred()).toEqual([]);
  });
});

describe('an org with more than half of a window', () => {
  it('lets another org come through, and nobody else is deferred', async () => {
    const boxes = neighbours(1000);
    const shard = homeOf(boxes[0] as string);
    const calm = calmOn(shard);
    await world.ask('open', '', { text: 'calm' }, { to: calm });
    const go = world.occupy(boxes[0] as string);
    const asked = boxes.map((id) => world.ask('open', id, { text: id }));
    const other = world.ask('add', '', { by: 1 }, { to: calm });
    await turns();
    go();
    expect(await other).toMatchObject({ ok: true });
    await allOk(asked);
    const order = log(shard);
    const place = order.findIndex(({ actor, type }) => actor.org === 'p' && type === 'Added');
    expect(order.slice(0, place).filter(({ type }) => type === 'Opened').length).toBeLessThan(600);
    expect(deferred().every(({ actor }) => actor.org === 'o')).toBe(true);
  });

  it('that is alone has nothing deferred', async () => {
    const boxes = neighbours(600);
    const go = world.occupy(boxes[0] as string);
    const asked = boxes.map((id) => world.ask('open', id, { text: id }));
    await turns();
    go();
    await allOk(asked);
    expect(deferred()).toEqual([]);
  });
});

/** The most that waited in a box's mailbox at one time. */
function waitingMost(id: string): number {
  let waiting = 0;
  let most = 0;
  const keeper = deferred().find(({ command }) => command.to.id === id)?.actor.id;
  for (const { type, data } of world.events().filter(({ actor }) => actor.id === keeper)) {
    if (type === 'CommandsDeferred') waiting += (data as unknown as { commands: readonly unknown[] }).commands.length;
    if (type === 'CommandsReleased') waiting -= (data as { count: number }).count;
    most = Math.max(most, waiting);
  }
  return most;
}

function calmOn(shard: Shard): { org: string; type: string; id: string } {
  for (let i = 0; ; i++) {
    const to = { org: 'p', type: 'box', id: boxId(`calm${i}`) };
    if (world.homeOf(to) === shard) return to;
  }
}
