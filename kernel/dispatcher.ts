import type { Work, WorkRoute } from './behavior.ts';
import { offersMin, offersPerFreeSlot, priorityAgeingMs } from './bounds.ts';
import type { Live } from './live.ts';

/**
 * The dispatcher of a kernel process: which of the ready tasks of all its shards are offered to workers now.
 *
 * Each route (org, pool, type) has a queue per priority, first come first served. Between priorities the one with the
 * least `since + priority × ageing` goes first: a task of priority p waits as one of p − 1 that became ready one ageing
 * later, so nothing starves and no timer re-sorts anything. Routes of a pool share its credit, and take turns.
 *
 * Credit keeps WORK short: a pool may have `offersPerFreeSlot` × its free slots × this process's share of the shards
 * outstanding, and at least `offersMin`; a route that no live worker serves has `offersMin` of its own, so that it never blocks the others.
 */
const priorities = 10;

type ReadyWork = Extract<Work, { phase: 'ready' }>;

interface Waiting {
  readonly live: Live;
  readonly work: ReadyWork;
}

/** First in, first out, with entries that were taken back skipped. */
class Queue {
  #items: (Waiting | undefined)[] = [];
  #head = 0;

  push(item: Waiting): void {
    this.#items.push(item);
  }

  /** The oldest that still waits. */
  peek(waits: (item: Waiting) => boolean): Waiting | undefined {
    for (; this.#head < this.#items.length; this.#head++) {
      const item = this.#items[this.#head];
      if (item && waits(item)) return item;
      this.#items[this.#head] = undefined;
    }
    this.#items = [];
    this.#head = 0;
    return undefined;
  }

  shift(): void {
    this.#items[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}

interface Route {
  readonly org: string;
  readonly pool: string;
  readonly type: string;
  readonly queues: readonly Queue[];
  waiting: number;
  /** Offers asked for or outstanding: not yet claimed, declined or ended. */
  outstanding: number;
}

interface Pool {
  readonly routes: Route[];
  turn: number;
}

/** What the dispatcher knows of workers. */
export interface Capacity {
  /** Free slots of the pool's live workers, less what this process has given them; `serves` tells whether any of them runs the type. */
  free(org: string, pool: string): number;
  serves(org: string, pool: string, type: string): boolean;
}

export interface DispatcherParts {
  readonly capacity: Capacity;
  /** This process's part of all shards, 0 to 1: the other kernels offer to the same workers. */
  readonly share: () => number;
  /** Has the live decide about its offer, and is told when it did; false when nobody will ever decide. */
  readonly offer: (live: Live, decided: () => void) => boolean;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #pools = new Map<string, Pool>();
  readonly #routes = new Map<string, Route>();
  /** Lives whose offer was asked for but is not decided yet. */
  readonly #asked = new Map<Live, Route>();
  /** Lives that refused to be offered although they ask for it: left alone for a while. */
  readonly #refused = new Set<Live>();
  #pumping = false;
  #lastRoute: Route | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Ready tasks that wait, by route; for metrics. */
  *depths(): Generator<{ org: string; pool: string; type: string; waiting: number; outstanding: number }> {
    for (const { org, pool, type, waiting, outstanding } of this.#routes.values())
      yield { org, pool, type, waiting, outstanding };
  }

  changed(live: Live, before: Work | undefined, after: Work | undefined): void {
    const asked = this.#asked.get(live);
    if (asked) {
      this.#asked.delete(live);
      asked.outstanding--;
    } else if (this.#refused.delete(live)) {
      // It waits in no queue.
    } else if (before?.phase === 'ready') this.#route(live, before.route).waiting--;
    if (before?.phase === 'offered') this.#route(live, before.route).outstanding--;
    if (after?.phase === 'offered') this.#route(live, after.route).outstanding++;
    if (after?.phase === 'ready') this.#wait(live, after);
    if (after?.phase === 'ready' || before?.phase === 'offered' || before?.phase === 'held') this.pump();
  }

  /** Offers what credit allows, behind the work of this turn. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      for (const [name, pool] of this.#pools) this.#pumpPool(name, pool);
    });
  }

  #pumpPool(_name: string, pool: Pool): void {
    const first = pool.routes[0];
    if (!first || pool.routes.every((route) => route.waiting === 0)) return;
    const { org, pool: name } = first;
    const { capacity, share, offer } = this.#parts;
    const served = pool.routes.map((route) => capacity.serves(org, name, route.type));
    let outstanding = 0;
    for (let i = 0; i < pool.routes.length; i++) if (served[i]) outstanding += (pool.routes[i] as Route).outstanding;
    const wanted = Math.ceil(offersPerFreeSlot * capacity.free(org, name) * share());
    let credit = Math.max(offersMin, wanted) - outstanding;
    let idle = 0;
    while (idle < pool.routes.length) {
      const index = pool.turn++ % pool.routes.length;
      const route = pool.routes[index] as Route;
      const room = served[index] ? credit > 0 : route.outstanding < offersMin;
      const next = room && route.waiting > 0 ? this.#next(route) : undefined;
      if (!next) {
        idle++;
        continue;
      }
      idle = 0;
      route.waiting--;
      route.outstanding++;
      if (served[index]) credit--;
      this.#asked.set(next, route);
      if (!offer(next, () => this.#decided(next))) this.#decided(next);
    }
  }

  /** Takes the most urgent one of a route. */
  #next(route: Route): Live | undefined {
    let best: Queue | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    let live: Live | undefined;
    for (let priority = 0; priority < priorities; priority++) {
      const queue = route.queues[priority] as Queue;
      const head = queue.peek(({ live, work }) => live.work === work && !this.#asked.has(live));
      if (!head) continue;
      const score = head.work.since + priority * priorityAgeingMs * 1000;
      if (score < bestScore) {
        bestScore = score;
        best = queue;
        live = head.live;
      }
    }
    best?.shift();
    return live;
  }

  /** It decided; when it is not offered now, it was refused. */
  #decided(live: Live): void {
    const route = this.#asked.get(live);
    if (!route) return;
    this.#asked.delete(live);
    route.outstanding--;
    this.#refused.add(live);
  }

  /** Asks again for what was refused and is wanted still. */
  retryRefused(): void {
    for (const live of this.#refused) {
      this.#refused.delete(live);
      if (live.work?.phase === 'ready') this.#wait(live, live.work);
    }
    this.pump();
  }

  #wait(live: Live, work: ReadyWork): void {
    const route = this.#route(live, work.route);
    (route.queues[Math.min(Math.max(work.priority, 0), priorities - 1)] as Queue).push({ live, work });
    route.waiting++;
  }

  #route(live: Live, of: WorkRoute): Route {
    const { org } = live.address;
    // One route after the other is the same one: a goal's tasks are alike.
    const last = this.#lastRoute;
    if (last && last.org === org && last.pool === of.pool && last.type === of.type) return last;
    const name = `${org}/${of.pool}/${of.type}`;
    let route = this.#routes.get(name);
    if (!route) {
      route = { org, ...of, queues: Array.from({ length: priorities }, () => new Queue()), waiting: 0, outstanding: 0 };
      this.#routes.set(name, route);
      const poolName = `${org}/${of.pool}`;
      const pool = this.#pools.get(poolName) ?? { routes: [], turn: 0 };
      pool.routes.push(route);
      this.#pools.set(poolName, pool);
    }
    this.#lastRoute = route;
    return route;
  }
}
