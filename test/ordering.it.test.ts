import { randomInt } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { micros, type Shard, seq } from '../kernel/brand.ts';
import { SystemClock } from '../kernel/clock.ts';
import { type EventShapes, encodeBody, openEvent } from '../kernel/codec.ts';
import type { Json } from '../kernel/envelope.ts';
import type { CommitPart, Log } from '../kernel/log.ts';
import { commitText, commitValues } from '../kernel/postgres/commit-statement.ts';
import { Dictionary } from '../kernel/postgres/dictionary.ts';
import { migrate, openPostgresLog } from '../kernel/postgres/index.ts';
import { type SeededRandom, seededRandom } from '../kernel/random.ts';
import { Chain, collect } from '../kernel/testing/chain.ts';
import { makeDatabase, type TestDatabase } from '../kernel/testing/database.ts';
import { until } from '../kernel/testing/until.ts';
import { Engine } from '../projections/engine.ts';
import { type Projection, RunningProjection } from '../projections/projection.ts';
import { BusTail } from '../projections/testing/bus-tail.ts';

/**
 * The trap of every log with concurrent appends: an append that began early commits late, when readers are long past
 * where it goes. Here one is held open three times while a thousand commits land on other shards, on real Postgres,
 * under readers that are killed and started again at random and a tail that loses, doubles, delays and reorders.
 */
const rounds = 3;
const statementsPerRound = 80;
const eventsMax = 4;
const longMs = 600_000;

const shapes: EventShapes = { ids: () => ({ prefix: 'th' }), personal: () => [] };

let database: TestDatabase;
let log: Log;
let dictionary: Dictionary;
let chains: readonly Chain[];

beforeAll(async () => {
  database = await makeDatabase(inject('databaseUrl'));
  await migrate(database.url);
  log = await openPostgresLog(database.url, 'writer');
  dictionary = new Dictionary();
  const names = { org: 'default', actorType: 'thing', type: 'ThingHappened' };
  await dictionary.ensure({ rows: (text, values) => database.query(text, values) }, [names]);
  chains = (await log.claim('writer', longMs)).map((row) => new Chain(row)).sort((a, b) => a.row.shard - b.row.shard);
});
afterAll(async () => {
  await log?.close();
  await database?.drop();
});

/** What a projection saw, by shard, in the order it saw it. */
type Seen = Map<Shard, string[]>;

/** Two projections that look at different things: where an event stands, and what it says. */
const recording = (name: string, what: Projection<Seen>['apply']): RunningProjection<Seen> =>
  new RunningProjection<Seen>({
    name,
    version: 1,
    initial: () => new Map(),
    apply: what,
    adopt: () => expect.fail('nothing here makes a shard be built again'),
    indexes: [],
  });
const note = (seen: Seen, of: Shard, text: string): void => {
  const list = seen.get(of);
  if (list) list.push(text);
  else seen.set(of, [text]);
};

const idIn = (data: Json): string => (data as { readonly id: string }).id;

/** One life of a reader: the engine on its own connections. */
class Reader {
  readonly places = recording('places', (seen, event) => note(seen, event.shard, String(event.seq)));
  readonly contents = recording('contents', (seen, event) => note(seen, event.shard, idIn(event.data)));
  readonly #log: Log;
  readonly #engine: Engine;
  #ended: Promise<unknown> | undefined;

  private constructor(own: Log, tail: BusTail) {
    this.#log = own;
    this.#engine = new Engine({
      log: own,
      tail,
      clock: new SystemClock(),
      shapes,
      projections: [this.places, this.contents],
      onStats: () => {},
      onProblem: () => {},
    });
    this.#engine.start();
  }

  static async start(tail: BusTail): Promise<Reader> {
    return new Reader(await openPostgresLog(database.url, 'reader'), tail);
  }

  isLevelWith(logs: readonly Chain[]): boolean {
    const { level, shards } = this.#engine.status();
    return level && shards.every(({ shard, applied }) => applied === logs[shard]?.row.seq);
  }

  /** At once, whatever it is doing. */
  kill(): void {
    this.#ended = Promise.all([this.#engine.stop(), this.#log.close()]);
  }

  async ended(): Promise<void> {
    await this.#ended;
  }
}

/** The very statement of a commit, in a transaction that stays open. */
async function hold(part: CommitPart): Promise<{ letGo(): Promise<void> }> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('begin');
  const { rows } = await client.query({ text: commitText, values: commitValues([part], dictionary) });
  expect(rows[0]?.written).toEqual([part.shard]);
  return {
    letGo: async () => {
      await client.query('commit');
      await client.end();
    },
  };
}

/** The way that skips: a reader with one cursor over all shards, by time. */
class NaiveReader {
  readonly seen = new Set<string>();
  #at = 0;

  async poll(): Promise<void> {
    const found = await database.query<{ shard: number; seq: string; at: string }>(
      'select shard, seq, at from events where at > $1 order by at',
      [this.#at],
    );
    for (const { shard: of, seq: place, at } of found) {
      this.seen.add(`${of}:${place}`);
      this.#at = Number(at);
    }
  }
}

class Writer {
  readonly #random: SeededRandom;
  readonly #tail: BusTail;
  /** Messages that are under way. */
  #delayed: Buffer[] = [];
  /** Microseconds: when an event was decided. */
  #at = 1_700_000_000_000_000;
  commits = 0;

  constructor(random: SeededRandom, tail: BusTail) {
    this.#random = random;
    this.#tail = tail;
  }

  part(chain: Chain): CommitPart {
    const events = Array.from({ length: 1 + this.#below(eventsMax) }, () => {
      const at = micros(this.#at++);
      const ids = { commandId: `c${at}`, correlationId: `c${at}`, principal: 'key:test' };
      return { at, body: encodeBody({ data: { id: `e${at}`, text: 'x'.repeat(this.#below(200)) }, ...ids }) };
    });
    return chain.part(events);
  }

  /** One statement for some of these shards. */
  async commit(others: readonly Chain[]): Promise<void> {
    const some = others.filter(() => this.#random.number() < 0.25);
    const parts = some.map((chain) => this.part(chain));
    const { written } = await log.commit(parts);
    expect(written.size).toBe(parts.length);
    some.forEach((chain, i) => void this.landed(chain, parts[i] as CommitPart));
  }

  landed(chain: Chain, part: CommitPart): void {
    chain.landed(part);
    this.commits++;
    // Small messages now and then, so that a commit comes in parts.
    for (const message of this.#tail.messages(part.events, this.#random.number() < 0.2 ? 600 : undefined))
      this.#send(message);
  }

  #send(message: Buffer): void {
    const chance = this.#random.number();
    if (chance < 0.1) return;
    if (chance < 0.3) this.#delayed.push(message);
    else this.#tail.deliver(message);
    if (chance > 0.9) this.#tail.deliver(message);
    while (this.#delayed.length > 0 && this.#random.number() < 0.25)
      this.#tail.deliver(...this.#delayed.splice(this.#below(this.#delayed.length), 1));
  }

  announce(): void {
    this.#tail.announce(
      chains.map(({ row }) => ({ shard: row.shard, epoch: row.epoch, seq: row.seq, hash: row.hash.toString('hex') })),
    );
  }

  #below(bound: number): number {
    return Math.floor(this.#random.number() * bound);
  }
}

test('an append held open while thousands land on other shards is seen by every reader once, in order, and no event is skipped', async ({
  onTestFailed,
}) => {
  const seed = Number(process.env['ASTRA_TEST_SEED'] ?? randomInt(2 ** 32));
  onTestFailed(() =>
    console.error(
      `seed ${seed}: ASTRA_TEST_SEED=${seed} node_modules/.bin/vitest run --project integration test/ordering.it.test.ts`,
    ),
  );
  const random = seededRandom(Buffer.from(`ordering ${seed}`));
  const tail = new BusTail();
  const writer = new Writer(random, tail);
  const naive = new NaiveReader();
  const living = [await Reader.start(tail), await Reader.start(tail)];
  const dead: Reader[] = [];
  const kill = (i: number): void => {
    const reader = living[i] as Reader;
    reader.kill();
    dead.push(reader);
  };

  for (let round = 0; round < rounds; round++) {
    const held = chains[Math.floor(random.number() * chains.length)] as Chain;
    const others = chains.filter((chain) => chain !== held);
    const before = held.row.seq;
    const part = writer.part(held);
    const open = await hold(part);
    for (let i = 0; i < statementsPerRound; i++) {
      await writer.commit(others);
      if (random.number() < 0.1) writer.announce();
      if (random.number() < 0.1) {
        const which = Math.floor(random.number() * living.length);
        kill(which);
        living[which] = await Reader.start(tail);
      }
    }
    await naive.poll();
    // I1: what is not committed is nobody's to see.
    for (const { places } of [...living, ...dead])
      expect(places.state.get(held.row.shard)?.length ?? 0).toBeLessThanOrEqual(before);
    await open.letGo();
    writer.landed(held, part);
  }
  await naive.poll();

  await until(() => {
    writer.announce();
    return living.every((reader) => reader.isLevelWith(chains));
  });
  living.forEach((_, i) => void kill(i));
  await Promise.all(dead.map((reader) => reader.ended()));

  expect(writer.commits).toBeGreaterThan(rounds * 1000);
  expect(dead.length).toBeGreaterThan(rounds * 2);
  let skipped = 0;
  for (const { row } of chains) {
    const whole = await collect(log.read(row.shard, seq(0)));
    const places = whole.map((event) => String(event.seq));
    const contents = whole.map((event) => idIn(openEvent(event, shapes).data));
    for (const reader of dead) {
      const seen = reader.places.state.get(row.shard) ?? [];
      expect(seen).toEqual(places.slice(0, seen.length));
      expect(reader.contents.state.get(row.shard) ?? []).toEqual(contents.slice(0, seen.length));
      if (living.includes(reader)) expect(seen.length).toBe(row.seq);
    }
    skipped += whole.filter((event) => !naive.seen.has(`${event.shard}:${event.seq}`)).length;
  }
  // The schedule was one that skips events under a reader that is not careful.
  expect(skipped).toBeGreaterThan(0);
}, 120_000);
