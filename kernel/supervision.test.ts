import { afterEach, describe, expect, it } from 'vitest';
import type { Address } from './address.ts';
import type { Behavior, Supervision } from './behavior.ts';
import type { Json, Reply } from './envelope.ts';
import { ManualClock } from './memory/clock.ts';
import { supervised } from './supervision.ts';
import { type Box, box, deadLetter, nest } from './testing/behaviors.ts';
import { apart, boxId, eventually, homeOf, together, turns, World } from './testing/world.ts';

let world: World;
let behaviors: readonly Behavior[];
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});

type Policy = Supervision | ((state: Box | undefined) => Supervision);

async function begin(policy: Policy | undefined, of = new World()): Promise<void> {
  world = of;
  const supervision = typeof policy === 'function' ? policy : () => policy as Supervision;
  const watched = policy ? { ...box, supervision } : box;
  behaviors = supervised([watched, nest, deadLetter] as unknown as readonly Behavior[]);
  await world.start({ behaviors });
}

const fail = (id: string): Promise<Reply> => world.ask('throw', id);
const typesOf = (id: string): string[] => world.of(id).map(({ type }) => type);
const supervisions = () => world.events().filter(({ actor }) => actor.type === 'supervision');
/** What watches over a box, once it has failed. */
const watcherOf = (id: string): Address => {
  const failed = supervisions().find(
    ({ type, data }) => type === 'ActorFailed' && (data as unknown as { of: Address }).of.id === id,
  );
  if (!failed) throw new Error(`nothing watches over ${id}`);
  return failed.actor;
};
const watched = (id: string): string[] =>
  supervisions()
    .filter(({ actor }) => actor.id === watcherOf(id).id)
    .map(({ type }) => type);
const resume = (id: string): Promise<Reply> => world.ask('resume', '', {}, { to: watcherOf(id) });
const suspended = { ok: false, problem: { kind: 'unavailable', code: 'actor_suspended' } };

describe('an actor whose behavior fails', () => {
  it('goes on with its next command, three times a minute; the fourth suspends it, and nobody else', async () => {
    await begin(undefined);
    const [a, b] = together();
    for (const id of [a, b]) await world.ask('open', id, { text: 'x' });
    for (let i = 0; i < 4; i++) {
      expect(await world.ask('add', a)).toMatchObject({ ok: true });
      expect(await fail(a)).toMatchObject({ ok: false, problem: { code: 'internal' } });
    }
    expect(await world.ask('add', a)).toMatchObject(suspended);
    expect(await world.ask('add', b)).toMatchObject({ ok: true });
    expect(watched(a)).toEqual(['ActorFailed', 'ActorFailed', 'ActorFailed', 'ActorFailed', 'ActorSuspended']);
    expect(world.warnings.filter((text) => text.startsWith('suspended'))).toHaveLength(1);
    expect(typesOf(a)).toEqual(['Opened', 'Added', 'Added', 'Added', 'Added']);
  });

  it('is decided again when somebody resumes it, and may fail three times again', async () => {
    await begin({ policy: 'restart', restarts: 1 });
    await world.ask('open', boxId('a'), { text: 'a' });
    for (let i = 0; i < 2; i++) await fail(boxId('a'));
    expect(await world.ask('add', boxId('a'))).toMatchObject(suspended);
    expect(await resume(boxId('a'))).toMatchObject({ ok: true });
    expect(await world.ask('add', boxId('a'))).toMatchObject({ ok: true });
    expect(await resume(boxId('a'))).toMatchObject({ ok: false, problem: { code: 'invalid_transition' } });
    await fail(boxId('a'));
    expect(await world.ask('add', boxId('a'))).toMatchObject({ ok: true });
    await fail(boxId('a'));
    expect(await world.ask('add', boxId('a'))).toMatchObject(suspended);
  });

  it('is counted within the window by the times of its failures, whoever owns its shard', async () => {
    const clock = new ManualClock();
    await begin({ policy: 'restart', restarts: 1, windowMs: 10_000 }, new World(clock));
    await world.ask('open', boxId('a'), { text: 'a' });
    for (let i = 0; i < 4; i++) {
      await fail(boxId('a'));
      clock.advance(10_001);
      await turns();
    }
    expect(await world.ask('add', boxId('a'))).toMatchObject({ ok: true });
    await fail(boxId('a'));
    await world.crash(world.kernels[0] as never);
    await world.start({ behaviors });
    await fail(boxId('a'));
    expect(await world.ask('add', boxId('a'))).toMatchObject(suspended);
    // So it is to the next owner, too.
    await world.crash(world.kernels[0] as never);
    await world.start({ behaviors });
    expect(await world.ask('add', boxId('a'))).toMatchObject(suspended);
    expect(await world.verified()).toBe(true);
  });

  it('stays suspended when its supervision was written, and a recovery begins behind it', async () => {
    const clock = new ManualClock();
    await begin({ policy: 'stop' }, new World(clock));
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await fail(a);
    const pass = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        clock.advance(1000);
        await turns(12);
      }
    };
    await pass(90);
    // The mark moves with the next commit, and the next write notes how far snapshots are whole.
    await world.ask('open', b, { text: 'b' });
    await world.ask('wait', b, { ms: 24 * 3_600_000 });
    await pass(90);
    const shard = homeOf(a);
    expect(await world.log.snapshotsWholeTo(shard)).toBeGreaterThanOrEqual(supervisions().at(-1)?.seq as number);
    await world.crash(world.kernels[0] as never);
    await world.start({ behaviors });
    expect(await world.ask('add', a)).toMatchObject(suspended);
    expect(await resume(a)).toMatchObject({ ok: true });
    expect(await world.ask('add', a)).toMatchObject({ ok: true });
  });

  it('is suspended at once by policy `stop`', async () => {
    await begin({ policy: 'stop' });
    await world.ask('open', boxId('a'), { text: 'a' });
    await fail(boxId('a'));
    expect(await world.ask('add', boxId('a'))).toMatchObject(suspended);
    expect(watched(boxId('a'))).toEqual(['ActorFailed', 'ActorSuspended']);
  });

  it('takes its parent along by policy `escalate`, on whatever shard that is', async () => {
    const [a, b] = apart();
    await begin((state) => ({
      policy: 'escalate',
      ...(state?.text === 'child' ? { parent: { org: 'o', type: 'box', id: b } } : null),
    }));
    await world.ask('open', a, { text: 'child' });
    await world.ask('open', b, { text: 'parent' });
    await fail(a);
    expect(await world.ask('add', a)).toMatchObject(suspended);
    await eventually(() => supervisions().length === 4);
    expect(watched(b)).toEqual(['ActorFailed', 'ActorSuspended']);
    expect(await world.ask('add', b)).toMatchObject(suspended);
  });

  it('is not held to account for what was refused, or for what others do', async () => {
    await begin({ policy: 'stop' });
    expect(await world.ask('add', boxId('a'))).toMatchObject({ ok: false, problem: { code: 'not_found' } });
    await world.ask('open', boxId('a'), { text: 'a' });
    expect(await world.ask('nonsense', boxId('a'))).toMatchObject({ problem: { code: 'invalid_transition' } });
    expect(supervisions()).toEqual([]);
  });
});

describe('an actor that backs off', () => {
  it('is left alone for twice as long each time, and its callers are told for how long', async () => {
    const clock = new ManualClock();
    await begin({ policy: 'backoff' }, new World(clock));
    await world.ask('open', boxId('a'), { text: 'a' });
    for (const waitMs of [100, 200, 400]) {
      await fail(boxId('a'));
      expect(await world.ask('add', boxId('a'))).toMatchObject({
        ok: false,
        problem: { kind: 'overloaded', code: 'actor_backing_off', retryAfterMs: waitMs },
      });
      clock.advance(waitMs + 10);
      await turns();
      expect(await world.ask('add', boxId('a'))).toMatchObject({ ok: true });
    }
  });

  it('has what nobody waits for kept, in order and once, also over a crash', async () => {
    const clock = new ManualClock();
    await begin({ policy: 'backoff' }, new World(clock));
    const [a, b] = apart();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await fail(b);
    for (let by = 2; by < 8; by++) await world.ask('add', a, { to: b, by });
    await eventually(() => watched(b).length === 7);
    expect(typesOf(b)).toEqual(['Opened']);
    await world.crash(world.kernels[0] as never);
    await world.start({ behaviors });
    while (typesOf(b).length < 7) {
      clock.advance(50);
      await turns();
    }
    const counts = world.of(b).map(({ data }) => (data as { by?: number }).by);
    expect(counts).toEqual([undefined, 2, 3, 4, 5, 6, 7]);
    expect(new Set(watched(b).slice(watched(b).indexOf('ActorResumed') + 1))).toEqual(new Set(['CommandsReleased']));
    expect(await world.ask('add', b)).toMatchObject({ ok: true });
  });

  it('has what is somebody’s sealed where it is parked, though only the actor knows whose it is', async () => {
    await begin({ policy: 'stop' });
    const [a, b] = together();
    await world.ask('open', a, { text: 'a', subject: 'ada' }, { subject: 'ada' });
    await world.ask('open', b, { text: 'b', subject: 'ada' }, { subject: 'ada' });
    const note = 'secret wish';
    // As it was decided, and as what broke the fold.
    await world.ask('throw', b, { note });
    await world.ask('add', a, { by: 13, note });
    expect(world.events().filter(({ type }) => type === 'Parked')).toHaveLength(2);
    const stored = [homeOf(a)].flatMap((shard) => world.log.all(shard));
    expect(stored.filter(({ body }) => body.includes(note)).map(({ type }) => type)).toEqual([]);
    expect(world.defects.splice(0)).toHaveLength(1);
  });

  it('has its timers ring when it goes on', async () => {
    await begin({ policy: 'stop' });
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    await world.ask('wait', a, { ms: 50 });
    await fail(a);
    await eventually(() => watched(a).includes('CommandsDeferred'));
    await resume(a);
    await eventually(() => typesOf(a).includes('Rang'));
    expect(typesOf(a)).toEqual(['Opened', 'Waiting', 'Rang']);
  });

  it('has a thousand commands kept; more become dead letters (`mailbox_full`)', async () => {
    await begin({ policy: 'stop' });
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await fail(b);
    await world.send('add', a, { to: b, copies: 1003 });
    const full = () =>
      world
        .events()
        .filter(
          ({ type, data }) => type === 'Parked' && (data as { error: { code: Json } }).error.code === 'mailbox_full',
        );
    await eventually(() => full().length === 3);
    await resume(b);
    await eventually(() => typesOf(b).length === 1001);
    expect(await world.ask('add', b)).toMatchObject({ ok: true });
  });

  it('has no more bytes kept than one event can let go', async () => {
    await begin({ policy: 'stop' });
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await fail(b);
    for (let i = 0; i < 4; i++) await world.ask('add', a, { to: b, note: 'x'.repeat(200_000) });
    expect(watched(b).filter((type) => type === 'CommandsDeferred')).toHaveLength(2);
    expect(world.events().filter(({ type }) => type === 'Parked')).toHaveLength(1 + 2);
    await resume(b);
    await eventually(() => typesOf(b).length === 3);
  });
});
