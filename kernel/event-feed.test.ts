import { afterEach, describe, expect, it } from 'vitest';
import { shardOf } from './address.ts';
import type { EventMessage } from './bus.ts';
import { SystemClock } from './clock.ts';
import { AstraError } from './errors.ts';
import type { MemoryBusOptions } from './memory/bus.ts';
import { boxId, eventually, together, World } from './testing/world.ts';

let world: World;
const begin = async (bus: MemoryBusOptions = {}): Promise<World> => {
  world = new World(new SystemClock(), bus);
  await world.start();
  return world;
};
afterEach(async () => {
  await world.end();
  expect(world.defects).toEqual([]);
});

interface Published {
  readonly org: string;
  readonly actor: string;
  readonly version: number;
  readonly type: string;
  readonly data: { readonly note?: string };
}
const eventsOf = ({ payload }: EventMessage): Published[] => JSON.parse(Buffer.from(payload).toString()) as Published[];
const versionsOf = (id: string): number[] =>
  world.bus.events
    .flatMap(eventsOf)
    .filter(({ actor }) => actor === `box/${id}`)
    .map(({ version }) => version);

describe('the events of a shard on EVT', () => {
  it('go on from the log after a time without a bus, none left out and none out of order', async () => {
    const { bus } = await begin();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    await eventually(() => versionsOf(a).length === 1);
    const { sendEvents } = bus;
    bus.sendEvents = () => Promise.reject(new AstraError('unavailable', 'bus_unavailable', 'not now'));
    for (let i = 0; i < 30; i++) await world.ask('add', a);
    bus.sendEvents = sendEvents;
    await eventually(() => versionsOf(a).at(-1) === 31);
    expect([...new Set(versionsOf(a))]).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
    expect(versionsOf(a)).toEqual([...versionsOf(a)].sort((x, y) => x - y));
  });

  it('come apart by org, also where two orgs have an actor of one id (I10)', async () => {
    const { bus, log } = await begin();
    const ids = Array.from({ length: 100 }, (_, i) => boxId(`box ${i}`));
    const homes = (org: string) => (id: string) => shardOf({ org, type: 'box', id }, { prefix: 'bx' }, 8);
    const id = ids.find((one) => homes('o')(one) === homes('p')(one)) as string;
    const to = (org: string) => ({ to: { org, type: 'box', id } });
    await Promise.all(['o', 'p'].map((org) => world.send('open', id, { text: org }, to(org))));
    await eventually(() => bus.events.length === 2);
    expect(new Set(log.all(homes('o')(id)).map(({ commitSeq }) => commitSeq)).size).toBe(1);
    const found = bus.events.map((message) => [message.org, eventsOf(message).map(({ org }) => org)]);
    expect(found).toEqual([
      ['o', ['o']],
      ['p', ['p']],
    ]);
  });

  it('of one commit come in as many messages as the bus needs for them', async () => {
    const { bus } = await begin({ messageBytesMax: 64 * 1024 });
    const [a, b] = together();
    await world.ask('open', a, { text: 'a' });
    await world.ask('open', b, { text: 'b' });
    await world.ask('add', a, { to: b, copies: 400, note: 'x'.repeat(500) });
    await eventually(() => versionsOf(b).length === 401);
    expect(versionsOf(b)).toEqual(Array.from({ length: 401 }, (_, i) => i + 1));
    const ids = bus.events.map(({ messageId }) => messageId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.max(...bus.events.map(({ payload }) => payload.length))).toBeLessThanOrEqual(64 * 1024);
    expect(bus.events.length).toBeGreaterThan(5);
  });

  it('are not held up by one that no message can carry: operators are told', async () => {
    const { bus } = await begin();
    const a = boxId('a');
    await world.ask('open', a, { text: 'a' });
    // What fills a command's message to the brim does not fit into one with all that is said of its event.
    await world.ask('add', a, { note: 'x'.repeat(bus.messageBytesMax - 300) }, { correlationId: 'c'.repeat(500) });
    await world.ask('add', a);
    await eventually(() => versionsOf(a).includes(3));
    expect(versionsOf(a)).toEqual([1, 3]);
    expect(world.warnings.filter((text) => text.includes('are not published'))).toHaveLength(1);
  });
});
