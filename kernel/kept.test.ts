import { afterEach, expect, it } from 'vitest';
import { type Behavior, refuseKept } from './behavior.ts';
import { supervised } from './supervision.ts';
import { box, deadLetter, nest } from './testing/behaviors.ts';
import { apart, boxId, eventually, together, World } from './testing/world.ts';

/** A box that wants no sevens, and wants none of them lost. */
const picky: typeof box = {
  ...box,
  decide: (state, verb, body, context) =>
    verb === 'add' && (body as { readonly by?: number }).by === 7 && context.self.id !== boxId('a')
      ? refuseKept('conflict', 'no_sevens', 'expected anything but seven')
      : box.decide(state, verb, body, context),
};
const behaviors = supervised([picky, nest, deadLetter] as unknown as readonly Behavior[]);

let world: World;
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});

const parked = () => world.events().filter(({ type }) => type === 'Parked');

it.each<[string, () => readonly [string, string]]>([
  ['of its own shard', together],
  ['of another shard', apart],
])('a message %s that is refused, and of which nobody waits to hear, becomes a dead letter', async (_what, pair) => {
  world = new World();
  await world.start({ behaviors });
  const [from, to] = pair();
  for (const id of [from, to]) await world.ask('open', id, { text: 'x' });
  expect(await world.ask('add', from, { to, by: 7 })).toMatchObject({ ok: true });
  await eventually(() => parked().length === 1);
  expect(parked()[0]?.data).toMatchObject({ error: { code: 'no_sevens' }, envelope: { to: { id: to }, verb: 'add' } });
  // It is no failure of the actor.
  expect(world.events().some(({ actor }) => actor.type === 'supervision')).toBe(false);
});

it('who waits for the answer is refused, and nothing is kept', async () => {
  world = new World();
  await world.start({ behaviors });
  await world.ask('open', boxId('b'), { text: 'x' });
  expect(await world.ask('add', boxId('b'), { by: 7 })).toMatchObject({ ok: false, problem: { code: 'no_sevens' } });
  expect(parked()).toEqual([]);
});
