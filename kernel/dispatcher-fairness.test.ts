import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Work } from './behavior.ts';
import { offersMin, offersPerFreeSlot, priorityAgeingMs, sameFamilySpacingMs } from './bounds.ts';
import { micros } from './brand.ts';
import { Dispatcher } from './dispatcher.ts';
import { derivedId } from './ids.ts';
import type { Live } from './live.ts';
import { ReadyQueue, type ReadyWork } from './ready-queue.ts';
import { eventually, turns, World } from './testing/world.ts';

interface Wanted {
  readonly org: string;
  readonly family: string;
  readonly type: string;
  readonly priority: number;
}

/** A task as a dispatcher sees it, and what is known of it besides. */
interface Task extends Wanted {
  readonly live: Live;
  readonly readyMs: number;
  /** How many of its family waited when it became ready. */
  readonly before: number;
}

/** A dispatcher for workers with so many slots in every pool, in a time of its own. */
class Yard {
  nowMs = 0;
  readonly ready: Task[] = [];
  readonly offered: Task[] = [];
  readonly #taken = new Set<Task>();
  readonly #families = new Map<string, Live>();
  readonly #tasks = new Map<Live, Task>();
  readonly #slots: number;
  readonly #dispatcher = new Dispatcher({
    capacity: { free: () => this.#slots, serves: (_org, _pool, type) => type !== 'unserved' },
    share: () => 1,
    offer: (live, decided) => {
      const task = this.#tasks.get(live) as Task;
      this.offered.push(task);
      this.#become(task, { ...(live.work as ReadyWork), phase: 'offered', attempt: 1, offer: 1 });
      decided();
      return true;
    },
  });

  constructor(slots: number) {
    this.#slots = slots;
  }

  get waiting(): readonly Task[] {
    return this.ready.filter((task) => !this.offered.includes(task));
  }

  get outstanding(): readonly Task[] {
    return this.offered.filter((task) => !this.#taken.has(task));
  }

  /** Tasks become ready. Nothing is offered before {@link pump}. */
  add(of: Wanted, count = 1): void {
    const name = `${of.org}/${of.family}`;
    const head = this.#families.get(name) ?? ({ address: { org: of.org } } as Live);
    this.#families.set(name, head);
    for (let i = 0; i < count; i++) {
      const live = { address: { org: of.org, type: 'egg', id: `${this.ready.length}` }, head } as Live;
      const before = this.waiting.filter(
        ({ org, family, type }) => org === of.org && family === of.family && type === of.type,
      ).length;
      const task = { ...of, live, readyMs: this.nowMs, before };
      this.#tasks.set(live, task);
      this.ready.push(task);
      this.#become(task, {
        phase: 'ready',
        route: { pool: 'default', type: of.type },
        priority: of.priority,
        since: micros(this.nowMs * 1000),
      });
    }
  }

  /** The oldest offer of an org is claimed. */
  claim(org: string): void {
    const task = this.outstanding.find((one) => one.org === org);
    if (!task) return;
    this.#taken.add(task);
    const route = { pool: 'default', type: task.type };
    this.#become(task, { phase: 'held', route, attempt: 1, worker: 'w', incarnation: 'i' });
  }

  async pump(): Promise<void> {
    this.#dispatcher.pump();
    await Promise.resolve();
  }

  #become({ live }: Task, work: Work): void {
    const before = live.work;
    live.work = work;
    this.#dispatcher.changed(live, before, work);
  }
}

const wanted = fc.record({
  org: fc.constantFrom('a', 'b'),
  family: fc.constantFrom('f', 'g', 'h'),
  type: fc.constantFrom('calc', 'noop', 'unserved'),
  priority: fc.integer({ min: 0, max: 9 }),
});
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), of: wanted, count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant('claim' as const), org: fc.constantFrom('a', 'b') }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 15_000 }) }),
);

const rankOf = ({ readyMs, priority, before }: Task): number =>
  readyMs + priority * priorityAgeingMs + before * sameFamilySpacingMs;

describe('the order of offers', () => {
  it('starves nobody: none is overtaken by one that became ready later than its rank, nor by a later rank', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 6 }), async (steps, slots) => {
        const yard = new Yard(slots);
        for (const one of steps) {
          if (one.do === 'wait') yard.nowMs += one.ms;
          if (one.do === 'claim') yard.claim(one.org);
          if (one.do === 'add') yard.add(one.of, one.count);
          const before = yard.offered.length;
          await yard.pump();
          for (const later of yard.waiting)
            for (const sooner of yard.offered.slice(before)) {
              // A type that nobody runs has a few offers of its own.
              if (sooner.org !== later.org || sooner.type === 'unserved' || later.type === 'unserved') continue;
              expect(rankOf(sooner)).toBeLessThanOrEqual(rankOf(later));
              expect(sooner.readyMs).toBeLessThanOrEqual(rankOf(later));
            }
        }
      }),
    );
  });

  it('leaves no credit unused, and goes beyond none: not by another org, nor by a type that nobody runs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 6 }), async (steps, slots) => {
        const yard = new Yard(slots);
        const credit = Math.max(offersMin, offersPerFreeSlot * slots);
        for (const one of steps) {
          if (one.do === 'claim') yard.claim(one.org);
          if (one.do === 'add') yard.add(one.of, one.count);
          await yard.pump();
          for (const org of ['a', 'b'])
            for (const [served, most] of [
              [true, credit],
              [false, offersMin],
            ] as const) {
              const isOf = (task: Task): boolean => task.org === org && (task.type !== 'unserved') === served;
              const outstanding = yard.outstanding.filter(isOf).length;
              expect(outstanding).toBeLessThanOrEqual(most);
              if (yard.waiting.some(isOf)) expect(outstanding).toBe(most);
            }
        }
      }),
    );
  });

  it('has a lone task wait for a hundred a second of another goal’s flood, whatever that is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 100, max: 3000 }),
        fc.integer({ min: 0, max: 5000 }),
        async (count, afterMs) => {
          const yard = new Yard(2);
          const of = { org: 'a', type: 'calc', priority: 5 };
          yard.add({ ...of, family: 'flood' }, count);
          await yard.pump();
          yard.nowMs = afterMs;
          yard.add({ ...of, family: 'lone' });
          const before = yard.offered.length;
          while (!yard.offered.some(({ family }) => family === 'lone')) {
            yard.claim('a');
            await yard.pump();
          }
          const behind = yard.offered.findIndex(({ family }) => family === 'lone') - before;
          expect(behind).toBeLessThanOrEqual(1 + afterMs / sameFamilySpacingMs);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('a queue of ready tasks', () => {
  it('gives them by rank, those in between taken back or not', () => {
    const moves = fc.array(
      fc.oneof(
        fc.record({ push: fc.integer({ min: 0, max: 9 }), since: fc.integer({ min: 0, max: 1e9 }) }),
        fc.record({ takeBack: fc.nat() }),
        fc.constant({ take: true }),
      ),
      { maxLength: 400 },
    );
    fc.assert(
      fc.property(moves, (all) => {
        const left = new Map<Live, ReadyWork>();
        const queue = new ReadyQueue((live, work) => left.get(live) === work);
        for (const move of all) {
          if ('push' in move) {
            const live = { address: { id: `${left.size}` } } as Live;
            const work = { phase: 'ready', route: { pool: '', type: '' }, priority: move.push } as const;
            left.set(live, { ...work, since: micros(move.since) });
            queue.push(live, left.get(live) as ReadyWork);
          } else if ('takeBack' in move) {
            const live = [...left.keys()][move.takeBack % Math.max(1, left.size)];
            if (!live) continue;
            left.delete(live);
            queue.forget(live);
          } else {
            const ranks = [...left.values()].map(({ since, priority }) => since + priority * priorityAgeingMs * 1000);
            expect(queue.peek()).toBe(left.size === 0 ? undefined : Math.min(...ranks));
            if (left.size > 0) left.delete(queue.take());
          }
          expect(queue.waiting).toBe(left.size);
        }
      }),
    );
  });
});

describe('kernels beside each other', () => {
  let world: World;
  afterEach(async () => {
    await world.end();
    expect(world.defects).toEqual([]);
  });

  const slots = 8;
  const beat = (org: string): void =>
    world.bus.beat(org, `w-${org}`, {
      incarnation: 'i1',
      slots,
      free: slots,
      pools: ['default'],
      types: ['egg'],
      running: [],
    });

  /** A nest on a shard of this kernel. */
  function nestOn(index: number, org = 'o'): { org: string; type: string; id: string } {
    const shards = world.kernels[index]?.stats().shards as readonly number[];
    for (let i = 0; ; i++) {
      const to = { org, type: 'nest', id: derivedId('ns', `${org}${i}`) };
      if (shards.includes(world.homeOf(to))) return to;
    }
  }

  async function begin(): Promise<{ org: string; lane: string; nest: string }[]> {
    world = new World();
    const offered: { org: string; lane: string; nest: string }[] = [];
    world.bus.onWork(({ org, lane, payload }) => {
      for (const { taskId } of JSON.parse(Buffer.from(payload).toString()) as { taskId: string }[])
        offered.push({ org, lane, nest: taskId.slice(0, taskId.indexOf('.')) });
    });
    await world.launch();
    await world.launch();
    await Promise.all(world.kernels.map(({ ready }) => ready));
    await eventually(() => world.kernels.every((kernel) => kernel.stats().shards.length === 4));
    return offered;
  }

  async function warm(nest: { org: string; type: string; id: string }, eggs: number, priority: number): Promise<void> {
    await world.ask('lay', '', { eggs, priority }, { to: nest });
    await world.ask('warm', '', {}, { to: nest });
  }

  it('offer an urgent task of one behind no more of another’s flood than that one has credit for', async () => {
    const offered = await begin();
    beat('o');
    const [flood, urgent] = [nestOn(0), nestOn(1)];
    await warm(flood, 200, 9);
    await eventually(() => offered.length > 0);
    await warm(urgent, 1, 0);
    await eventually(() => offered.some(({ nest }) => nest === urgent.id));
    await turns();
    const credit = Math.max(offersMin, (offersPerFreeSlot * slots) / 2);
    expect(offered.filter(({ nest }) => nest === flood.id)).toHaveLength(credit);
    // Workers are sent it on a lane of its own, past what waits there.
    expect(offered.filter(({ nest }) => nest === urgent.id)).toMatchObject([{ lane: 'high' }]);
    expect(offered.filter(({ nest }) => nest === flood.id).every(({ lane }) => lane === 'low')).toBe(true);
  });

  it('offer the task of one org whatever flood of another is in a pool of that name', async () => {
    const offered = await begin();
    for (const org of ['o', 'p']) beat(org);
    await warm(nestOn(0), 200, 0);
    await eventually(() => offered.length > 0);
    for (const index of [0, 1]) await warm(nestOn(index, 'p'), 1, 9);
    await eventually(() => offered.filter(({ org }) => org === 'p').length === 2);
    await turns();
    expect(offered.filter(({ org }) => org === 'o')).toHaveLength((offersPerFreeSlot * slots) / 2);
  });
});
