import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seq } from './brand.ts';
import type { Json, Reply } from './envelope.ts';
import { apart, boxId, eventually, homeOf, together, World } from './testing/world.ts';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.start();
});
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});
const parked = () => world.events().filter(({ type }) => type === 'Parked');

describe('an input that breaks what it is decided on', () => {
  it('as one entry of a batch is parked alone', async () => {
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    const entry = (to: string, body: Json) => ({ ok: true as const, envelope: world.envelope('add', to, body) });
    const { replyTo, answers } = world.answers();
    world.bus.sendEntries(
      homeOf(a),
      [entry(a, {}), entry(b, { by: 13 }), entry(a, {}), entry(b, { by: 13 }), entry(b, {})],
      replyTo,
    );
    await eventually(() => answers.length > 0);
    expect((answers[0] as Reply[]).map(({ ok }) => ok)).toEqual([true, false, true, false, true]);
    expect(world.of(a).map(({ type }) => type)).toEqual(['Opened', 'Added', 'Added']);
    expect(world.of(b).map(({ type }) => type)).toEqual(['Opened', 'Added']);
    expect(parked()).toHaveLength(2);
    expect(await world.verified()).toBe(true);
    expect(world.defects.splice(0)).toHaveLength(2);
  });

  it('from a timer is parked, and its shard goes on', async () => {
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await world.ask('wait', a, { ms: 5, fuse: true });
    await eventually(() => parked().length > 0);
    expect(parked()[0]?.data).toMatchObject({ envelope: { verb: 'timer', to: { id: a } } });
    for (let i = 0; i < 20; i++) expect(await world.ask('add', b)).toMatchObject({ ok: true });
    expect(parked()).toHaveLength(1);
    expect(world.defects.splice(0)).toHaveLength(1);
  });

  it('from another shard is parked, and those behind it on its channel are decided', async () => {
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    const second = `${homeOf(a)}:3:0`;
    world.log.refuses = ({ actorType, body }) =>
      actorType === 'box' && body.includes(second) && !body.includes('effects');
    for (let i = 0; i < 3; i++) await world.ask('add', a, { to: b });
    await eventually(() => world.of(b).length === 3);
    expect(parked()).toHaveLength(1);
    expect(parked()[0]?.data).toMatchObject({ envelope: { id: second } });
  });

  it('and cannot even be parked is given up: it is answered, and those behind it are decided', async () => {
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    world.log.refuses = ({ body }) => body.includes('unfit');
    const replies = await Promise.all([
      world.ask('add', a),
      world.ask('add', a, { text: 'unfit' }),
      world.ask('add', a),
    ]);
    expect(replies.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(replies[1]).toMatchObject({ problem: { code: 'data_refused' } });
    expect(parked()).toEqual([]);
    // Operators are told of it.
    expect(world.defects.splice(0)).toMatchObject([{ code: 'data_refused' }]);
  });
});

describe('an actor that cannot be folded', () => {
  it('has its commands parked, and leaves its shard alone', async () => {
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('add', a);
    await world.ask('open', b, { text: 'b' });
    await world.end();
    world.kernels.length = 0;
    // What is stored of it does not follow from itself, and nobody looks at it before it is asked.
    const home = homeOf(a);
    (world.log.all(home)[1] as { version: number }).version = 7;
    const { claim } = world.log;
    world.log.claim = async (...args) =>
      (await claim.apply(world.log, args)).map((row) => ({ ...row, flushedSeq: row.seq }));
    world.log.snapshotsWholeTo = async (shard) => seq(world.size(shard));
    await world.start();
    const replies = await Promise.all([world.ask('add', b), world.ask('add', a), world.ask('add', b)]);
    expect(replies.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(replies[1]).toMatchObject({ problem: { code: 'version_gap' } });
    expect(parked()[0]?.data).toMatchObject({ envelope: { to: { id: a } } });
    expect(world.warnings.filter((text) => text.includes('folds its memory again')).length).toBeLessThan(3);
  });
});

describe('a channel', () => {
  it('is not stopped by a message that nobody can read', async () => {
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    for (const bytes of ['', 'nonsense', '\xc0'])
      await world.bus.sendChannel(homeOf(b), homeOf(a), 1, Buffer.from(bytes, 'latin1'));
    await world.ask('add', a, { to: b });
    await eventually(() => world.of(b).length === 2);
    expect(world.warnings).toEqual([]);
  });

  it('is not blocked by an effect that no message can carry: its command is parked', async () => {
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    const most = world.bus.messageBytesMax;
    // It fits on the lane; what it is passed on as would not fit on a channel.
    const replies = [
      await world.ask('add', a, { to: b, note: 'x'.repeat(most - 1000) }),
      await world.ask('add', a, { to: b }),
    ];
    expect(replies.map(({ ok }) => ok)).toEqual([false, true]);
    expect(replies[0]).toMatchObject({ problem: { code: 'message_too_large' } });
    await eventually(() => world.of(b).length === 2);
    expect(world.defects.splice(0)).toHaveLength(1);
  });
});

describe('what a commit lets out', () => {
  it('is answered where it is redirected to an actor that cannot exist', async () => {
    const [a, b] = together();
    await world.ask('open', b, { text: 'b' });
    const replies = await Promise.all([world.ask('look-first', a, { org: 'o', via: 'nowhere' }), world.ask('add', b)]);
    expect(replies).toMatchObject([{ ok: false, problem: { code: 'not_found' } }, { ok: true }]);
  });

  it('fails alone: later commits let theirs out', async () => {
    const a = boxId('a');
    const { reply } = world.bus;
    let failures = 0;
    world.bus.reply = (...args) => {
      if (failures++ === 0) throw new Error('a defect on the way out');
      reply.apply(world.bus, args);
    };
    await world.send('open', a, { text: 'a' }, { replyTo: world.answers().replyTo });
    await eventually(() => failures === 1);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect(world.defects.splice(0)).toHaveLength(1);
  });
});

describe('a publication', () => {
  const published = (verb: string, payload = '{"text":"p"}') => {
    const { replyTo, answers } = world.answers();
    world.bus.publish({ org: 'o', verb, contentType: 'application/json', payload: Buffer.from(payload), replyTo });
    return answers;
  };

  it.each([
    ['whose translation is broken', 'box.broken', 'internal'],
    ['to an actor that no id is of', 'box.open:nowhere', 'internal'],
    ['that nobody understands', 'box.shut', 'invalid_input'],
  ])('%s becomes a dead letter, and blocks nobody', async (_, verb, code) => {
    const bad = published(verb);
    const good = published('box.open:good');
    await eventually(() => bad.length > 0 && good.length > 0);
    expect(bad).toMatchObject([{ ok: false, problem: { code } }]);
    expect(good).toMatchObject([{ ok: true, id: boxId('good') }]);
    await eventually(() => parked().length === 1);
    expect(parked()[0]?.data).toMatchObject({ error: { code }, payload: '{"text":"p"}' });
    world.defects.length = 0;
  });

  it('that is too large to be kept is kept without what it brought', async () => {
    const bad = published('box.shut', '\\'.repeat(world.bus.messageBytesMax - 100));
    await eventually(() => bad.length > 0);
    await eventually(() => parked().length === 1);
    expect(parked()[0]?.data).toMatchObject({ payload: '', error: { code: 'invalid_input' } });
  });
});
