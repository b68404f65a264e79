import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { StoredEvent } from '../kernel/event.ts';
import type { MemoryLog } from '../kernel/memory/log.ts';
import { seededRandom } from '../kernel/random.ts';
import { waitsMax } from './bounds.ts';
import type { ProjectionProblem } from './engine.ts';
import { type Projections, startProjections } from './projections.ts';
import { BusTail } from './testing/bus-tail.ts';
import { StraightFold, shown } from './testing/fold.ts';
import { randomHistory } from './testing/random-history.ts';
import { GoalScript, planned } from './testing/scenes.ts';
import { Story, shapes } from './testing/story.ts';

/** A world: a history, a bus, and read models over both. The log can be exchanged under the engine, as a restore does. */
class World {
  readonly tail = new BusTail();
  readonly problems: ProjectionProblem[] = [];
  story: Story;
  #projections: Projections | undefined;

  constructor(story: Story) {
    this.story = story;
  }

  static async of(shards = 4): Promise<World> {
    return new World(await new Story(shards).begin());
  }

  start(): this {
    const log = (): MemoryLog => this.story.log;
    this.#projections = startProjections({
      log: {
        meta: () => log().meta(),
        heads: (shards) => log().heads(shards),
        read: (of, after, upTo) => log().read(of, after, upTo),
        keysById: (kids) => log().keysById(kids),
      },
      tail: this.tail,
      clock: this.story.clock,
      shapes,
      onProblem: (problem) => this.problems.push(problem),
    });
    return this;
  }

  get projections(): Projections {
    return this.#projections as Projections;
  }

  async level(): Promise<this> {
    await this.until(() => this.projections.status().level && this.tail.subscribed);
    return this;
  }

  /** Lets time pass until it holds. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      this.story.clock.advance(20);
      await nextTurn();
    }
  }

  /** Until everything that is in the log is applied. */
  async caughtUp(): Promise<void> {
    await this.until(() =>
      this.projections
        .status()
        .shards.every(({ shard: of, applied, state }) => applied === this.story.all(of).length && state === 'level'),
    );
  }

  announce(): void {
    const heads = Array.from({ length: this.story.shards }, (_, i) => this.story.all(i).at(-1)).flatMap((last) =>
      last ? [{ shard: last.shard, epoch: last.epoch, seq: last.seq, hash: last.hash.toString('hex') }] : [],
    );
    this.tail.announce(heads);
  }

  status(of: GoalScript): string | undefined {
    const found = this.projections.reads.goals.get(of.org, of.id);
    return found.kind === 'found' ? found.view.status : undefined;
  }

  codes(): string[] {
    return this.problems.map(({ code }) => code);
  }

  async stop(): Promise<void> {
    await this.#projections?.stop();
  }
}

const worlds: World[] = [];
const world = async (shards?: number): Promise<World> => {
  const made = await World.of(shards);
  worlds.push(made);
  return made;
};

afterEach(async () => {
  for (const each of worlds.splice(0)) await each.stop();
});

const straight = (story: Story): StraightFold => {
  const fold = new StraightFold();
  for (let of = 0; of < story.shards; of++) fold.apply(story.all(of));
  fold.now = story.clock.now();
  return fold;
};

describe('the engine on start', () => {
  it('reads the whole log and is level then', async () => {
    const it = await world();
    const goal = new GoalScript(it.story);
    await it.story.commit(1, goal.begun([planned('a'), planned('b', ['a'])]));
    for (let i = 0; i < 300; i++) await it.story.commit(2, new GoalScript(it.story).begun([planned('a')]));
    it.start();
    expect(it.projections.status().level).toBe(false);
    await it.level();
    await it.projections.level;
    expect(it.status(goal)).toBe('active');
    expect(it.projections.status()).toMatchObject({ scanned: 1, behind: 0, applied: 602 });
    expect(shown(it.projections.reads, 'default')).toEqual(shown(straight(it.story).reads, 'default'));
  });

  it('waits for a log that does not answer, and says so once', async () => {
    const it = await world();
    await it.story.commit(0, new GoalScript(it.story).begun([planned('a')]));
    it.story.log.up = false;
    it.start();
    await it.until(() => it.projections.status().logProblem !== undefined);
    for (let i = 0; i < 100; i++) {
      it.story.clock.advance(100);
      await nextTurn();
    }
    expect(it.projections.status().level).toBe(false);
    expect(it.codes()).toEqual(['log_unavailable']);
    it.story.log.up = true;
    await it.level();
    expect(it.projections.status().logProblem).toBeUndefined();
  });

  it('starts without a bus and subscribes when it is there', async () => {
    const it = await world();
    it.tail.up = false;
    it.start();
    await it.until(() => it.projections.status().level);
    expect(it.tail.subscribed).toBe(false);
    const goal = new GoalScript(it.story);
    await it.story.commit(0, goal.begun([planned('a')]));
    await it.until(() => it.status(goal) === 'active');
    it.tail.up = true;
    await it.until(() => it.tail.subscribed);
    expect(it.codes()).toEqual(['tail_unavailable']);
  });
});

describe('the engine on its tail', () => {
  it('applies a commit in the moment it comes', async () => {
    const it = (await world()).start();
    await it.level();
    const goal = new GoalScript(it.story);
    const events = await it.story.commit(3, goal.begun([planned('a')]));
    const waiting = it.projections.waitFor(it.story.position(3), 1000);
    expect(it.status(goal)).toBeUndefined();
    it.tail.deliver(...it.tail.messages(events));
    expect(it.status(goal)).toBe('active');
    expect(await waiting).toBe('applied');
    expect(await it.projections.waitFor(it.story.position(3), 1000)).toBe('applied');
  });

  it('shows a commit only when all its parts are there, in whatever order they come', async () => {
    const it = (await world()).start();
    await it.level();
    const goal = new GoalScript(it.story);
    const events = await it.story.commit(0, [...goal.begun([planned('a')]), ...goal.ran('a')]);
    const parts = it.tail.messages(events, 600);
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts.slice(1).reverse()) it.tail.deliver(part);
    expect(it.status(goal)).toBeUndefined();
    it.tail.deliver(parts[0] as Buffer);
    expect(it.status(goal)).toBe('active');
    expect(it.projections.status().behind).toBe(0);
  });

  it('takes a doubled commit once', async () => {
    const it = (await world()).start();
    await it.level();
    const goal = new GoalScript(it.story);
    const messages = it.tail.messages(await it.story.commit(0, goal.begun([planned('a')])));
    it.tail.deliver(...messages, ...messages);
    it.tail.deliver(...messages);
    expect(it.projections.status().applied).toBe(2);
    expect(it.projections.reads.stats('default').goals.active).toBe(1);
  });

  it('reads from the log what the bus lost in the middle', async () => {
    const it = (await world()).start();
    await it.level();
    const [lost, came] = [new GoalScript(it.story), new GoalScript(it.story)];
    await it.story.commit(0, lost.begun([planned('a')]));
    it.tail.deliver(...it.tail.messages(await it.story.commit(0, came.begun([planned('a')]))));
    expect(it.status(came)).toBeUndefined();
    await it.until(() => it.status(came) === 'active');
    expect(it.status(lost)).toBe('active');
    expect(it.problems).toEqual([]);
  });

  it('reads the last message that the bus lost when a head tells of it', async () => {
    const it = (await world()).start();
    await it.level();
    const goal = new GoalScript(it.story);
    await it.story.commit(0, goal.begun([planned('a')]));
    it.announce();
    expect(it.projections.status().behind).toBe(2);
    expect(it.projections.status().shards[0]).toMatchObject({ state: 'behind', applied: 0, head: 2 });
    expect(it.projections.reads.stats('default').projection).toEqual({ behind: 2, shards: [{ shard: 0, behind: 2 }] });
    await it.until(() => it.status(goal) === 'active');
  });

  it('asks the log itself when no head comes', async () => {
    const it = (await world()).start();
    await it.level();
    const goal = new GoalScript(it.story);
    await it.story.commit(0, goal.begun([planned('a')]));
    await it.until(() => it.status(goal) === 'active');
  });

  it('goes on serving without log and bus, and catches up by itself', async () => {
    const it = (await world()).start();
    const [early, late] = [new GoalScript(it.story), new GoalScript(it.story)];
    await it.story.commit(0, early.begun([planned('a')]));
    await it.level();
    it.tail.connection('lost');
    const committed = it.story.commit(0, late.begun([planned('a')]));
    await committed;
    it.story.log.up = false;
    for (let i = 0; i < 200; i++) {
      it.story.clock.advance(50);
      await nextTurn();
    }
    expect(it.status(early)).toBe('active');
    expect(it.status(late)).toBeUndefined();
    expect(it.projections.status()).toMatchObject({ level: true, connected: false });
    expect(it.projections.status().logProblem).toContain('does not answer');
    it.story.log.up = true;
    it.tail.connection('back');
    await it.until(() => it.status(late) === 'active');
    expect(it.projections.status()).toMatchObject({ level: true, connected: true, behind: 0 });
    expect(it.codes()).toEqual(['log_unavailable']);
  });

  it('leaves out an event it cannot open, says so, and goes on', async () => {
    const it = (await world()).start();
    await it.level();
    const goal = new GoalScript(it.story);
    const strange = { actor: 'comet', id: it.story.id('gl'), type: 'CometSeen', data: {} };
    const events = await it.story.commit(0, [strange, ...goal.begun([planned('a')])]);
    it.tail.deliver(...it.tail.messages(events));
    expect(it.status(goal)).toBe('active');
    expect(it.problems).toMatchObject([{ code: 'event_refused', shard: 0 }]);
    expect(it.problems[0]?.detail).toContain('0:1');
  });
});

describe('the engine on another history', () => {
  /** Two histories that are the same up to a point; the second is what a restore left and what came after it. */
  async function fork(
    after: number,
  ): Promise<{ it: World; lost: GoalScript; kept: GoalScript; other: Story; later: GoalScript[] }> {
    const it = await world();
    const other = new Story(4, it.story.clock);
    await other.begin();
    const kept = new GoalScript(it.story);
    const first = kept.begun([planned('a')]);
    await it.story.commit(0, first);
    await other.commit(0, first);
    const lost = new GoalScript(it.story);
    await it.story.commit(0, lost.begun([planned('a')]));
    other.at += 5_000_000;
    const later: GoalScript[] = [];
    for (let i = 0; i < after; i++) {
      const goal = new GoalScript(other);
      await other.commit(0, goal.begun([planned('b')]));
      later.push(goal);
    }
    return { it, lost, kept, other, later };
  }

  it.each([
    ['behind', 0],
    ['at the same seq with another hash', 1],
    ['ahead', 3],
  ])('builds a shard again when the log is %s', async (_, after) => {
    const { it, lost, kept, other, later } = await fork(after);
    it.start();
    await it.level();
    expect(it.status(lost)).toBe('active');
    it.story = other;
    // Ahead is only told from the chain: LOG brings what does not follow from what was applied.
    if (after > 1) it.tail.deliver(...it.tail.messages(other.all(0).slice(4, 6)));
    await it.until(() => it.codes().includes('shard_rebuilt'));
    await it.caughtUp();
    expect(it.status(lost)).toBeUndefined();
    expect(it.status(kept)).toBe('active');
    for (const goal of later) expect(it.status(goal)).toBe('active');
    expect(shown(it.projections.reads, 'default')).toEqual(shown(straight(other).reads, 'default'));
    expect(it.codes()).toEqual(['shard_rebuilding', 'shard_rebuilt']);
  });

  it('serves what it had while it builds, and is not level', async () => {
    const { it, lost, other } = await fork(1);
    it.start();
    await it.level();
    it.story = other;
    await it.until(() => it.codes().includes('shard_rebuilding'));
    expect(it.status(lost)).toBe('active');
    expect(it.projections.status()).toMatchObject({ level: false });
    expect(it.projections.status().shards[0]?.state).toBe('rebuilding');
    await it.until(() => it.codes().includes('shard_rebuilt'));
    expect(it.projections.status().level).toBe(true);
  });

  it('leaves the other shards alone', async () => {
    const { it, other } = await fork(1);
    const elsewhere = new GoalScript(it.story);
    const happenings = elsewhere.begun([planned('a')]);
    const at = it.story.at;
    await it.story.commit(2, happenings);
    other.at = at;
    await other.commit(2, happenings);
    it.start();
    await it.level();
    it.story = other;
    await it.until(() => it.codes().includes('shard_rebuilt'));
    expect(it.problems.every(({ shard: of }) => of === 0)).toBe(true);
  });

  it('is not misled by a message of a history that is no more', async () => {
    const { it, kept, other } = await fork(0);
    const old = it.story.all(0);
    it.story = other;
    it.start();
    await it.level();
    const strange = old.slice(2).map((event) => ({ ...event, hash: Buffer.alloc(32, 7) }));
    it.tail.deliver(...it.tail.messages(strange));
    it.announce();
    for (let i = 0; i < 50; i++) {
      it.story.clock.advance(100);
      await nextTurn();
    }
    expect(it.status(kept)).toBe('active');
    expect(it.projections.status().applied).toBe(2);
    expect(it.problems).toEqual([]);
  });
});

describe('waiting for a position', () => {
  it('times out, and refuses what is no position of this database', async () => {
    const it = (await world()).start();
    await it.level();
    const waiting = it.projections.waitFor('0:1', 500);
    it.story.clock.advance(499);
    it.story.clock.advance(1);
    expect(await waiting).toBe('timeout');
    expect(await it.projections.waitFor('0:1', 0)).toBe('timeout');
    expect(await it.projections.waitFor('4:1', 500)).toBe('unknown');
    expect(await it.projections.waitFor('nonsense', 500)).toBe('unknown');
    expect(await it.projections.waitFor('0:0', 0)).toBe('applied');
  });

  it('is bounded in number, and ends when the engine stops', async () => {
    const it = (await world()).start();
    await it.level();
    const waits = Array.from({ length: waitsMax }, () => it.projections.waitFor('0:9', 10_000));
    expect(await it.projections.waitFor('0:9', 10_000)).toBe('refused');
    await it.stop();
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['timeout']));
  });
});

describe('personal data', () => {
  const sealedGoal = async (it: World): Promise<{ goal: GoalScript; events: readonly StoredEvent[] }> => {
    const key = (await it.story.log.subjectKeys('default', ['ada'])).get('ada');
    if (!key) throw new Error('no key');
    const goal = new GoalScript(it.story);
    const sealer = { key, nonce: () => Buffer.alloc(12, 1) };
    const [queued, started, completed] = goal.ran('a', { secret: 42 });
    const events = await it.story.commit(0, [
      ...goal.begun([planned('a')]),
      ...[queued, started].flatMap((one) => one ?? []),
      { ...(completed as NonNullable<typeof completed>), sealer },
    ]);
    return { goal, events };
  };

  it('is opened with the subject’s key', async () => {
    const it = await world();
    const { goal } = await sealedGoal(it);
    it.start();
    await it.level();
    const found = it.projections.reads.tasks.get('default', `${goal.id}.a`);
    expect(found.kind === 'found' && found.view.result).toEqual({ secret: 42 });
  });

  it('reads as erased once the key is gone', async () => {
    const it = await world();
    const { goal } = await sealedGoal(it);
    it.story.log.keysById = async () => new Map();
    it.start();
    await it.level();
    const found = it.projections.reads.tasks.get('default', `${goal.id}.a`);
    expect(found.kind === 'found' && found.view.result).toBe('[erased]');
  });

  it('holds its shard, and no other, until the key can be read', async () => {
    const it = (await world()).start();
    await it.level();
    const { goal, events } = await sealedGoal(it);
    it.story.log.up = false;
    it.tail.deliver(...it.tail.messages(events));
    expect(it.status(goal)).toBeUndefined();
    it.story.log.up = true;
    const other = new GoalScript(it.story);
    const elsewhere = await it.story.commit(1, other.begun([planned('a')]));
    it.tail.deliver(...it.tail.messages(elsewhere));
    expect(it.status(other)).toBe('active');
    await it.until(() => it.status(goal) === 'active');
  });
});

describe('whatever the bus does', () => {
  it('ends with the straight fold of the log', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0 }), fc.integer({ min: 10, max: 120 }), async (seed, steps) => {
        const random = seededRandom(Buffer.from(`delivery ${seed}`));
        const it = await world(3);
        const before = Math.floor(steps / 3);
        await randomHistory(it.story, random, before);
        it.start();
        if (random.number() < 0.5) await it.level();
        const commits = await randomHistory(it.story, random, steps - before);
        const late: Buffer[] = [];
        for (const events of commits) {
          const messages = [...it.tail.messages(events, random.number() < 0.5 ? 900 : undefined)];
          for (const message of messages) {
            const fate = random.number();
            if (fate < 0.1) continue;
            if (fate < 0.3) late.push(message);
            else it.tail.deliver(message);
            if (fate > 0.9) it.tail.deliver(message);
          }
          if (random.number() < 0.2) await nextTurn();
          if (random.number() < 0.2) it.story.clock.advance(30);
          if (random.number() < 0.1) for (const message of late.splice(0).reverse()) it.tail.deliver(message);
          if (random.number() < 0.05) it.announce();
        }
        await it.caughtUp();
        const expected = straight(it.story).reads;
        for (const org of ['default', 'other']) expect(shown(it.projections.reads, org)).toEqual(shown(expected, org));
        expect(it.problems).toEqual([]);
        await it.stop();
      }),
      { numRuns: 40 },
    );
  });
});
