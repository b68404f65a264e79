import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accept, type Behavior } from './behavior.ts';
import type { Shard } from './brand.ts';
import type { Json, Reply } from './envelope.ts';
import { AstraError } from './errors.ts';
import { type Box, box, testBehaviors } from './testing/behaviors.ts';
import { apart, boxId, eventually, homeOf, together, turns, World } from './testing/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});

/** A box whose text is `bomb` kills its process with whatever it is asked, but for opening and waiting. */
const behaviors = testBehaviors.map((behavior) =>
  behavior.type === 'box'
    ? ({
        ...box,
        decide: (state: Box | undefined, verb, body, context) => {
          const safe = verb === 'open' || (verb === 'wait' && state?.text === 'bomb');
          if (verb !== 'kill' && (safe || state?.text !== 'bomb')) return box.decide(state, verb, body, context);
          world.die();
          return accept([]);
        },
      } as Behavior<Box> as Behavior)
    : behavior,
);

/** Begins one process after the other until `done`; tells how many died. */
async function survive(done: () => boolean, of = behaviors): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    void world.launch({ behaviors: of });
    await eventually(() => done() || world.dead);
    if (done()) return deaths;
  }
}

const parked = () => world.events().filter(({ type }) => type === 'Parked');
const versions = (of: string): number[] => world.of(of).map(({ version }) => version);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

/** One box on every shard, opened by a process that is given up cleanly. */
async function boxes(texts: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const found = new Map<Shard, string>();
  for (let i = 0; found.size < 8; i++) found.set(homeOf(boxId(`e${i}`)), boxId(`e${i}`));
  await world.start({ behaviors });
  for (const id of [...found.values(), ...Object.keys(texts)])
    expect(await world.ask('open', id, { text: texts[id] ?? 'good' })).toMatchObject({ ok: true });
  await world.kernels[0]?.stop();
  world.kernels.length = 0;
  return [...found.values()];
}

describe('a command that kills the process', () => {
  it('is parked, and every other command is decided once, whatever shard it is on', async () => {
    const everywhere = await boxes();
    const [a] = together();
    const answers: Promise<Reply>[] = [];
    for (let i = 0; i < 3; i++) for (const id of everywhere) answers.push(world.ask('add', id));
    const killer = world.ask('kill', a);
    for (let i = 0; i < 3; i++) for (const id of everywhere) answers.push(world.ask('add', id));
    let answered = false;
    void Promise.all([killer, ...answers]).then(() => {
      answered = true;
    });
    const deaths = await survive(() => answered);
    expect(deaths).toBeLessThanOrEqual(4);
    expect(await killer).toMatchObject({ ok: false, problem: { code: 'killed_process' } });
    for (const answer of answers) expect(await answer).toMatchObject({ ok: true });
    for (const id of everywhere) expect(versions(id)).toEqual(upTo(7));
    expect(parked()).toHaveLength(1);
    expect(parked()[0]?.data).toMatchObject({ envelope: { verb: 'kill', to: { id: a } } });
    expect(await world.verified()).toBe(true);
    const rows = await world.log.heads();
    expect(rows.every(({ probation }) => probation === null || probation.trying === '')).toBe(true);
  });

  it('is a failure of its actor, which is treated as its state says although nobody has it in memory', async () => {
    const id = boxId('strict');
    await boxes({ [id]: 'bomb' });
    const strict = behaviors.map((behavior) =>
      behavior.type === 'box'
        ? ({
            ...behavior,
            supervision: (state) => ({ policy: (state as Box | undefined)?.text === 'bomb' ? 'stop' : 'restart' }),
          } as Behavior)
        : behavior,
    );
    const answers: Reply[] = [];
    void world.ask('kill', id).then((reply) => answers.push(reply));
    await survive(() => answers.length > 0, strict);
    expect(answers[0]).toMatchObject({ ok: false, problem: { code: 'killed_process' } });
    expect(await world.ask('wait', id, { ms: 1000 })).toMatchObject({
      ok: false,
      problem: { code: 'actor_suspended' },
    });
  });

  it('is parked when it waits in a mailbox, and what waits behind it is decided once', async () => {
    const [a] = together();
    await boxes({ [a]: 'good' });
    const answers: Promise<Reply>[] = [];
    for (let i = 0; i < 700; i++) answers.push(world.ask('add', a));
    const killer = world.ask('kill', a);
    for (let i = 0; i < 100; i++) answers.push(world.ask('add', a));
    let answered = false;
    void Promise.all([killer, ...answers]).then(() => {
      answered = true;
    });
    // It comes nearer with every life, by what is run with care.
    await survive(() => answered);
    expect(await killer).toMatchObject({ ok: false, problem: { code: 'killed_process' } });
    const deferred = world.events().filter(({ type }) => type === 'CommandsDeferred');
    expect(deferred.filter(({ data }) => JSON.stringify(data).includes('"kill"'))).toHaveLength(1);
    for (const answer of answers) expect(await answer).toMatchObject({ ok: true });
    expect(versions(a)).toEqual(upTo(801));
    expect(parked()).toHaveLength(1);
  });

  it('is parked alone of its batch', async () => {
    const [a, b] = together();
    await boxes({ [b]: 'good' });
    const entry = (verb: string, to: string, body: Json = {}) => ({
      ok: true as const,
      envelope: world.envelope(verb, to, body),
    });
    const { replyTo, answers } = world.answers();
    world.bus.sendEntries(homeOf(a), [entry('add', b), entry('add', b), entry('kill', a), entry('add', b)], replyTo);
    await survive(() => answers.length > 0);
    expect((answers[0] as Reply[]).map(({ ok }) => ok)).toEqual([true, true, false, true]);
    expect(versions(b)).toEqual(upTo(4));
    expect(parked()).toHaveLength(1);
  });

  it('is parked with its batch when another entry kills too', async () => {
    const [a, b] = together();
    await boxes({ [b]: 'good' });
    const entry = (verb: string, to: string) => ({ ok: true as const, envelope: world.envelope(verb, to, {}) });
    const { replyTo, answers } = world.answers();
    world.bus.sendEntries(homeOf(a), [entry('kill', a), entry('add', b), entry('kill', a)], replyTo);
    await survive(() => answers.length > 0);
    expect((answers[0] as Reply[]).every(({ ok }) => !ok)).toBe(true);
    expect(parked()).toHaveLength(3);
  });

  it('is parked when it is an effect of another shard, and what comes behind it on its channel is taken', async () => {
    const [a, b] = apart();
    await boxes({ [a]: 'good', [b]: 'bomb' });
    await world.start({ behaviors });
    void world.send('add', a, { to: b });
    await eventually(() => world.dead);
    await survive(() => parked().length > 0);
    expect(parked()[0]?.data).toMatchObject({ envelope: { verb: 'add', to: { id: b } } });
    expect(await world.ask('open', boxId('another'), { text: 'c' })).toMatchObject({ ok: true });
  });

  it('is parked when it is a timer of its own', async () => {
    const [a, b] = together();
    await boxes({ [a]: 'bomb', [b]: 'good' });
    await world.start({ behaviors });
    void world.send('wait', a, { ms: 1 });
    await eventually(() => world.dead);
    await survive(() => parked().length > 0);
    expect(parked()[0]?.data).toMatchObject({ envelope: { verb: 'timer', to: { id: a } } });
    expect(await world.ask('add', b)).toMatchObject({ ok: true });
  });
});

describe('a good command', () => {
  it('is not parked however often its process is killed beside it', async () => {
    const [a, b] = together();
    await boxes({ [a]: 'good', [b]: 'good' });
    const home = homeOf(a);
    // Each process dies at another moment: with nothing committed, with a trial named (but not of one command twice), or past some.
    const moments = [0, 1, 0, 2, 0, 4];
    for (let round = 0; round < 32; round++) {
      for (const to of [a, b]) await world.send('add', to);
      const most = moments[round % moments.length] as number;
      let commits = 0;
      world.log.fault = (parts) => {
        if (!parts.some(({ shard }) => shard === home) || commits++ < most) return undefined;
        world.die();
        return 'lost-before';
      };
      void world.launch({ behaviors });
      await eventually(() => world.dead);
      await turns(5);
    }
    world.log.fault = () => undefined;
    await survive(() => versions(a).length + versions(b).length === 2 + 64);
    expect(parked()).toEqual([]);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect(await world.verified()).toBe(true);
  });
});

describe('a shard whose owner died early', () => {
  it('is run with care, one command a commit, until nothing waits', async () => {
    const [a] = together();
    await boxes({ [a]: 'good' });
    await world.start({ behaviors });
    world.die();
    const home = homeOf(a);
    for (let i = 0; i < 6; i++) await world.send('add', a);
    const commits: number[] = [];
    world.log.fault = (parts) => {
      for (const { shard, events } of parts) if (shard === home) commits.push(events.length);
      return undefined;
    };
    await world.start({ behaviors });
    await eventually(() => versions(a).length === 7);
    expect(commits.filter((events) => events > 0)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(commits.filter((events) => events === 0)).toHaveLength(6);
    // It lives on, and nothing waits: then it is trusted.
    commits.length = 0;
    while (commits.at(-2) === 0 || commits.length < 2) await world.ask('add', a);
  });

  it('decides once what its lane brings a second time while it waits to be tried', async () => {
    const [a] = together();
    const home = homeOf(a);
    await boxes({ [a]: 'good' });
    await world.start({ behaviors });
    world.die();
    await world.send('add', a);
    // The lane is open, the channels are not, and the trial cannot be committed: the lane is opened again meanwhile.
    const { openChannels, openLane } = world.bus;
    let tried = false;
    let opened = 0;
    let refused = false;
    world.log.fault = (parts) => {
      if (!parts.some(({ shard, probation }) => shard === home && probation?.trying)) return undefined;
      tried = true;
      return opened < 2 ? 'unavailable' : undefined;
    };
    world.bus.openLane = async (of, ...rest) => {
      const lane = await openLane.call(world.bus, of, ...rest);
      await turns(5);
      if (of === home) opened++;
      return lane;
    };
    world.bus.openChannels = async (...args) => {
      if (args[0] === home && !refused) {
        while (!tried) await turns(1);
        refused = true;
        throw new AstraError('unavailable', 'bus_unavailable', 'the bus does not answer');
      }
      return openChannels.apply(world.bus, args);
    };
    await world.start({ behaviors });
    await eventually(() => opened === 2);
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
    expect(versions(a)).toEqual(upTo(3));
  });

  it('is not when the last one gave it back', async () => {
    const [a] = together();
    await boxes({ [a]: 'good' });
    const commits: number[] = [];
    world.log.fault = (parts) => {
      for (const { shard, events } of parts) if (shard === homeOf(a)) commits.push(events.length);
      return undefined;
    };
    await world.start({ behaviors });
    await world.ask('add', a);
    expect(commits).toEqual([1]);
  });
});
