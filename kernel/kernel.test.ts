import { afterEach, describe, expect, it } from 'vitest';
import { derivedId } from './ids.ts';
import { apart, eventually, homeOf, boxId as id, together, World } from './testing/world.ts';

let world: World;
const begin = async (): Promise<World> => {
  world = new World();
  await world.start();
  return world;
};

afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});

describe('a kernel', () => {
  it('answers a command behind its commit, with the position of its event', async () => {
    const { log } = await begin();
    const reply = await world.ask('open', id('a'), { text: 'hello' });
    const home = homeOf(id('a'));
    expect(reply).toEqual({ ok: true, position: `${home}:1`, id: id('a'), data: { text: 'hello' } });
    expect(log.all(home)).toHaveLength(1);
    expect(world.of(id('a'))[0]).toMatchObject({
      type: 'Opened',
      version: 1,
      data: { text: 'hello' },
      command: { verb: 'open', principal: 'key:test' },
    });
    expect(await world.verified()).toBe(true);
  });

  it('refuses what the behavior refuses, without an event, and moves the lane past it', async () => {
    const { log } = await begin();
    expect(await world.ask('add', id('a'))).toMatchObject({ ok: false, problem: { code: 'not_found' } });
    expect(world.events()).toEqual([]);
    const [row] = await log.heads([homeOf(id('a'))]);
    expect(row?.lane.sequence).toBe(1);
  });

  it('does not show one org what is another’s', async () => {
    await begin();
    await world.ask('open', id('a'), { text: 'mine' });
    const other = { org: 'p', type: 'box', id: id('a') };
    expect(await world.ask('add', id('a'), {}, { to: other })).toMatchObject({
      ok: false,
      problem: { code: 'not_found' },
    });
  });

  it('runs what a command causes in its shard in the same commit', async () => {
    await begin();
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await world.ask('add', a, { to: b });
    const added = world.events().filter(({ type }) => type === 'Added');
    expect(added.map(({ actor }) => actor.id)).toEqual([a, b]);
    expect(added[0]?.commitSeq).toBe(added[1]?.commitSeq);
    expect(added[0]?.effects).toBeUndefined();
    expect(added[1]?.causationId).toBe(`${added[0]?.shard}:${added[0]?.seq}`);
  });

  it('carries effects to other shards once each, whatever is lost on the way', async () => {
    await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    let sent = 0;
    world.bus.loses = (kind) => kind === 'channel' && sent++ < 40 && sent % 3 === 0;
    await Promise.all(Array.from({ length: 30 }, () => world.ask('add', a, { to: b })));
    await eventually(() => world.of(b).length === 31);
    world.bus.loses = () => false;
    expect(world.of(b).map(({ version }) => version)).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
    expect(sent).toBeGreaterThan(40);
  }, 20_000);

  it('lets the receiver of a delegated message answer the caller', async () => {
    await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    expect(await world.ask('add', a, { to: b, delegate: true })).toMatchObject({ ok: true, id: b });
  });

  it('redirects a command to the actor that has to answer', async () => {
    await begin();
    const [a, b] = apart();
    await world.ask('open', b, { text: 'b' });
    expect(await world.ask('look-first', a, { org: 'o', via: b })).toMatchObject({ ok: true });
    expect(world.of(b).map(({ type }) => type)).toEqual(['Opened', 'Added']);
    expect(world.of(a)).toEqual([]);
  });

  it('cuts a cascade, and finishes it through the shard’s channel to itself', async () => {
    await begin();
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await world.ask('add', a, { to: b, chain: 40 });
    await eventually(() => world.events().filter(({ type }) => type === 'Added').length === 42);
    expect(await world.verified()).toBe(true);
  });

  it('parks a chain of causes that does not end', async () => {
    await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await world.ask('add', a, { to: b, chain: 1000 });
    await eventually(() => world.events().some(({ type }) => type === 'Parked'));
    expect(world.events().find(({ type }) => type === 'Parked')?.data).toMatchObject({
      error: { code: 'cascade_too_deep' },
    });
  });

  it('parks a command whose behavior throws, and goes on', async () => {
    await begin();
    await world.ask('open', id('a'), { text: 'a' });
    expect(await world.ask('throw', id('a'))).toMatchObject({
      ok: false,
      problem: { code: 'internal', kind: 'contained' },
    });
    expect(await world.ask('add', id('a'))).toMatchObject({ ok: true });
    const parked = world.events().filter(({ type }) => type === 'Parked');
    expect(parked).toHaveLength(1);
    expect(parked[0]?.data).toMatchObject({ origin: { verb: 'throw' }, envelope: { verb: 'throw' } });
  });

  it('folds its memory again when a behavior fails half way, and parks the input that did it', async () => {
    await begin();
    await world.ask('open', id('a'), { text: 'a' });
    const asked = [world.ask('add', id('a')), world.ask('add', id('a'), { by: 13 }), world.ask('add', id('a'))];
    const replies = await Promise.all(asked);
    expect(replies.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(world.of(id('a')).map(({ type }) => type)).toEqual(['Opened', 'Added', 'Added']);
    expect(world.defects.splice(0)).toHaveLength(1);
  });

  it('does a keyed command once, and gives the same answer again', async () => {
    await begin();
    await world.ask('open', id('a'), { text: 'a' });
    const keyed = { id: 'key-1', keyed: 'command', fingerprint: 'f' } as const;
    const first = await world.ask('add', id('a'), {}, keyed);
    const again = await Promise.all(Array.from({ length: 5 }, () => world.ask('add', id('a'), {}, keyed)));
    for (const reply of again) expect(reply).toEqual({ ...first, replayed: true });
    expect(await world.ask('add', id('a'), {}, { ...keyed, fingerprint: 'g' })).toMatchObject({
      ok: false,
      problem: { code: 'idempotency_key_reused' },
    });
    expect(world.of(id('a'))).toHaveLength(2);
    await world.kernels[0]?.stop();
    await world.start();
    expect(await world.ask('add', id('a'), {}, keyed)).toEqual({ ...first, replayed: true });
    expect(world.of(id('a'))).toHaveLength(2);
  });

  it('refuses a caller and keeps what had to be noted; asked again, it decides again', async () => {
    await begin();
    await world.ask('open', id('a'), { text: 'a' });
    const keyed = { id: 'key-1', keyed: 'command', fingerprint: 'f' } as const;
    for (let i = 0; i < 2; i++)
      expect(await world.ask('add-refused', id('a'), {}, keyed)).toMatchObject({
        ok: false,
        problem: { code: 'too_late' },
      });
    expect(world.of(id('a')).map(({ type }) => type)).toEqual(['Opened', 'Added', 'Added']);
  });

  it('remembers a keyed command that is carried on where it is answered', async () => {
    await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    const keyed = { id: 'key-1', keyed: 'command', fingerprint: 'f' } as const;
    expect(await world.ask('add', a, { to: b, delegate: true }, keyed)).toMatchObject({ ok: true, id: b });
    expect(await world.ask('add', b, {}, keyed)).toMatchObject({ ok: true, id: b, replayed: true });
    expect(await world.ask('add', a, { to: b, delegate: true }, keyed)).toMatchObject({ id: b, replayed: true });
    expect(world.of(b).map(({ type }) => type)).toEqual(['Opened', 'Added']);
  });

  it('sends a command again as the one it was: it is done once', async () => {
    await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    const as = { id: 'key-1', keyed: 'command', fingerprint: 'f' } as const;
    await world.ask('add', a, { to: b, as });
    await eventually(() => world.of(b).length === 2);
    expect(await world.ask('add', b, {}, as)).toMatchObject({ ok: true, replayed: true });
  });

  it('rings a timer once, also when its owner changed meanwhile', async () => {
    await begin();
    await world.ask('open', id('a'), { text: 'a' });
    await world.ask('wait', id('a'), { ms: 30 });
    await world.kernels[0]?.stop();
    await world.start();
    await eventually(() => world.of(id('a')).some(({ type }) => type === 'Rang'));
    expect(world.of(id('a')).map(({ type }) => type)).toEqual(['Opened', 'Waiting', 'Rang']);
  });

  it('seals what is personal wherever it is stored', async () => {
    const { log } = await begin();
    await world.ask('open', id('a'), { text: 'secret wish', subject: 'ada' }, { subject: 'ada' });
    const bytes = log.all(homeOf(id('a')))[0]?.body;
    expect(bytes?.includes('secret wish')).toBe(false);
    await world.kernels[0]?.stop();
    await world.start();
    expect(await world.ask('open', id('a'), {})).toMatchObject({
      ok: true,
      replayed: true,
      data: { text: 'secret wish' },
    });
  });

  it('seals what a command brings for its own subject, and what an actor says for the actor’s', async () => {
    const { log } = await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a', subject: 'ada' }, { subject: 'ada' });
    await world.ask('open', b, { text: 'b', subject: 'bob' }, { subject: 'bob' });
    await world.ask('add', a, { note: 'from eve' }, { subject: 'eve' });
    await world.ask('add', a, { note: 'from ada', to: b });
    await eventually(() => world.of(b).length === 2);
    const kidOf = async (subject: string) => (await log.subjectKeys('o', [subject])).get(subject)?.kid;
    expect(world.of(a).map(({ kid }) => kid)).toEqual([await kidOf('ada'), await kidOf('eve'), await kidOf('ada')]);
    expect(world.of(b).map(({ kid }) => kid)).toEqual([await kidOf('bob'), await kidOf('ada')]);
  });

  it('forwards publications in order, and parks what it cannot read', async () => {
    await begin();
    let reply: unknown;
    world.bus.onReply('astra.reply.o.pub', (got) => {
      reply = got;
    });
    const publish = (verb: string): unknown =>
      world.bus.publish({
        org: 'o',
        verb,
        contentType: 'application/json',
        payload: Buffer.from('{"text":"p"}'),
        replyTo: 'astra.reply.o.pub',
      });
    publish('nonsense');
    await eventually(() => reply !== undefined);
    expect(reply).toMatchObject({ ok: false, problem: { code: 'invalid_input' } });
    reply = undefined;
    publish('box.open');
    await eventually(() => reply !== undefined);
    expect(reply).toMatchObject({ ok: true, id: id('published') });
    await eventually(() => world.events().some(({ type }) => type === 'Parked'));
  });
});

describe('a commit', () => {
  it.each(['lost-before', 'lost-after'] as const)(
    'of unknown outcome (%s) is settled: written once, answered once',
    async (fault) => {
      const { log } = await begin();
      await world.ask('open', id('a'), { text: 'a' });
      let faults = 0;
      log.fault = (parts) => (parts.some(({ events }) => events.length > 0) && faults++ === 0 ? fault : undefined);
      expect(await world.ask('add', id('a'))).toMatchObject({ ok: true });
      expect(await world.ask('add', id('a'))).toMatchObject({ ok: true });
      expect(world.of(id('a')).map(({ version }) => version)).toEqual([1, 2, 3]);
      expect(await world.verified()).toBe(true);
    },
  );

  it('waits for a store that is away, and goes on by itself', async () => {
    const { log } = await begin();
    await world.ask('open', id('a'), { text: 'a' });
    log.up = false;
    const reply = world.ask('add', id('a'));
    await eventually(() => world.bus.up);
    log.up = true;
    expect(await reply).toMatchObject({ ok: true });
  });

  it('whose data is refused is cut down to the command, which is parked; the others are written', async () => {
    const { log } = await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    log.refuses = (event) => event.type === 'Added' && event.body.includes('"unfit"'.slice(1, -1));
    const replies = await Promise.all([
      world.ask('add', a),
      world.ask('add', a, { note: 'unfit' }),
      world.ask('add', a),
      world.ask('add', b),
    ]);
    expect(replies.map(({ ok }) => ok)).toEqual([true, false, true, true]);
    expect(world.of(a).map(({ type }) => type)).toEqual(['Opened', 'Added', 'Added']);
    expect(world.of(b).map(({ type }) => type)).toEqual(['Opened', 'Added']);
    world.defects.length = 0;
  });

  it('by a deposed owner is written not at all, and stops the shard (I2)', async () => {
    const { log } = await begin();
    await world.ask('open', id('a'), { text: 'a' });
    const [row] = await log.heads([homeOf(id('a'))]);
    await log.reclaim('usurper', 0, [{ shard: homeOf(id('a')), epoch: row?.epoch as never }]);
    let answered = false;
    void world.ask('add', id('a')).then(() => {
      answered = true;
    });
    // The same process claims it again once the usurper's lease is over, and decides the command then.
    await eventually(() => answered);
    expect(world.of(id('a')).map(({ version, epoch }) => [version, epoch])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    expect(await world.verified()).toBe(true);
  });
});

describe('the bus', () => {
  it('may forget everything: what is committed goes on, and effects arrive', async () => {
    await begin();
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    world.bus.loses = (kind) => kind === 'channel';
    await world.ask('add', a, { to: b });
    world.bus.disconnect();
    world.bus.wipe();
    world.bus.loses = () => false;
    world.bus.reconnect();
    await eventually(() => world.of(b).length === 2);
    expect(await world.ask('add', b)).toMatchObject({ ok: true });
    expect((await world.log.meta()).generation).toBe(2);
    expect((await world.log.heads([homeOf(b)]))[0]?.lane.generation).toBe(2);
  });

  it('publishes every event on EVT, and goes on after a loss of the connection', async () => {
    await begin();
    await world.ask('open', id('a'), { text: 'a' });
    await world.ask('add', id('a'));
    await eventually(() => world.bus.events.length === 2);
    const published = world.bus.events.flatMap(
      ({ payload }) => JSON.parse(Buffer.from(payload).toString()) as { version: number; type: string }[],
    );
    expect(published.map(({ version, type }) => [version, type])).toEqual([
      [1, 'Opened'],
      [2, 'Added'],
    ]);
  });
});

describe('work', () => {
  const nestId = derivedId('ns', 'nest');
  const beat = {
    incarnation: 'i1',
    slots: 4,
    free: 4,
    pools: ['default'],
    types: ['egg'],
    running: [] as { taskId: string; attempt: number }[],
  };

  it('is offered once it is ready, claimed, and ends; the head follows its members', async () => {
    await begin();
    const offered: { taskId: string; attempt: number; shard: number }[] = [];
    world.bus.onWork(({ payload }) => offered.push(...(JSON.parse(Buffer.from(payload).toString()) as typeof offered)));
    world.bus.beat('o', 'w1', beat);
    await world.ask('lay', nestId, { eggs: 3 });
    expect(offered).toEqual([]);
    await world.ask('warm', nestId);
    await eventually(() => offered.length === 3);
    for (const { taskId, attempt } of offered) {
      expect(
        await world.ask('claim', taskId, { attempt, worker: 'w1', incarnation: 'i1' }, { principal: 'worker:w1' }),
      ).toMatchObject({ ok: true });
      expect(await world.ask('complete', taskId, { attempt }, { principal: 'worker:w1' })).toMatchObject({ ok: true });
    }
    await eventually(() => world.of(nestId).some(({ type }) => type === 'Empty'));
    expect(world.events().filter(({ type }) => type === 'Hatched')).toHaveLength(3);
  });

  it('that a new incarnation of its worker does not hold is lost at once, and offered again', async () => {
    await begin();
    const offered: { taskId: string; attempt: number }[] = [];
    world.bus.onWork(({ payload }) => offered.push(...(JSON.parse(Buffer.from(payload).toString()) as typeof offered)));
    world.bus.beat('o', 'w1', beat);
    await world.ask('lay', nestId, { eggs: 1 });
    await world.ask('warm', nestId);
    await eventually(() => offered.length === 1);
    const first = offered[0] as { taskId: string; attempt: number };
    await world.ask('claim', first.taskId, { attempt: 1, worker: 'w1', incarnation: 'i1' }, { principal: 'worker:w1' });
    world.bus.beat('o', 'w1', { ...beat, incarnation: 'i2' });
    await eventually(() => offered.length === 2);
    expect(offered[1]).toMatchObject({ taskId: first.taskId, attempt: 2 });
    expect(await world.ask('complete', first.taskId, { attempt: 1 }, { principal: 'worker:w1' })).toMatchObject({
      ok: false,
      problem: { code: 'attempt_fenced' },
    });
  });

  it('that is queued is offered again by the next owner of its shard', async () => {
    await begin();
    const offered: { taskId: string; attempt: number }[] = [];
    world.bus.onWork(({ payload }) => offered.push(...(JSON.parse(Buffer.from(payload).toString()) as typeof offered)));
    world.bus.beat('o', 'w1', beat);
    await world.ask('lay', nestId, { eggs: 2 });
    await world.ask('warm', nestId);
    await eventually(() => offered.length === 2);
    await world.kernels[0]?.stop();
    await world.start();
    await eventually(() => offered.length === 4);
    expect(offered.slice(2).every(({ attempt }) => attempt === 1)).toBe(true);
  });
});
