import type { Work, WorkRoute } from './behavior.ts';
import { offersMin, offersPerFreeSlot } from './bounds.ts';
import type { Live } from './live.ts';
import { ReadyQueue, type ReadyWork } from './ready-queue.ts';

/**
 * The dispatcher of a kernel process: which of the ready tasks of all its shards are offered to workers now.
 *
 * Each route (org, pool, type) has its ready tasks in order (`kernel/ready-queue.ts`): by priority with ageing, and fairly between
 * families, so that a goal of ten thousand tasks does not keep those of others waiting. Routes of a pool share its credit: the
 * first of all goes first, whatever its type. Pools are an org's own, and so is their credit.
 *
 * Credit keeps WORK short: a pool may have `offersPerFreeSlot` × its free slots × this process's share of the shards
 * outstanding, and at least `offersMin`; a route that no live worker serves has `offersMin` of its own, so that it never blocks the others.
 */
interface Route {
  readonly org: string;
  readonly pool: string;
  readonly type: string;
  readonly queue: ReadyQueue;
  /** Offers asked for or outstanding: not yet claimed, declined or ended. */
  outstanding: number;
}

interface Pool {
  readonly org: string;
  readonly name: string;
  readonly routes: Route[];
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
    for (const { org, pool, type, queue, outstanding } of this.#routes.values())
      yield { org, pool, type, waiting: queue.waiting, outstanding };
  }

  changed(live: Live, before: Work | undefined, after: Work | undefined): void {
    const asked = this.#asked.get(live);
    if (asked) {
      this.#asked.delete(live);
      asked.outstanding--;
    } else if (this.#refused.delete(live)) {
      // It waits in no queue.
    } else if (before?.phase === 'ready') this.#route(live, before.route).queue.forget(live);
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
      for (const pool of this.#pools.values()) this.#pumpPool(pool);
    });
  }

  #pumpPool({ org, name, routes }: Pool): void {
    if (routes.every(({ queue }) => queue.waiting === 0)) return;
    const { capacity, share, offer } = this.#parts;
    const served = new Set(routes.filter(({ type }) => capacity.serves(org, name, type)));
    let outstanding = 0;
    for (const route of served) outstanding += route.outstanding;
    const wanted = Math.ceil(offersPerFreeSlot * capacity.free(org, name) * share());
    let credit = Math.max(offersMin, wanted) - outstanding;
    for (;;) {
      const route = firstOf(routes, (one) => (served.has(one) ? credit > 0 : one.outstanding < offersMin));
      if (!route) return;
      const next = route.queue.take();
      route.outstanding++;
      if (served.has(route)) credit--;
      this.#asked.set(next, route);
      if (!offer(next, () => this.#decided(next))) this.#decided(next);
    }
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
    this.#route(live, work.route).queue.push(live, work);
  }

  #route(live: Live, of: WorkRoute): Route {
    const { org } = live.address;
    // One route after the other is the same one: a goal's tasks are alike.
    const last = this.#lastRoute;
    if (last && last.org === org && last.pool === of.pool && last.type === of.type) return last;
    const name = `${org}/${of.pool}/${of.type}`;
    let route = this.#routes.get(name);
    if (!route) {
      // Who was asked already is in its place no more, although what it wants is the same.
      const queue = new ReadyQueue((one, work) => one.work === work && !this.#asked.has(one));
      route = { org, ...of, queue, outstanding: 0 };
      this.#routes.set(name, route);
      const poolName = `${org}/${of.pool}`;
      const pool = this.#pools.get(poolName) ?? { org, name: of.pool, routes: [] };
      pool.routes.push(route);
      this.#pools.set(poolName, pool);
    }
    this.#lastRoute = route;
    return route;
  }
}

/** Of the routes with room, the one whose first task goes first. */
function firstOf(routes: readonly Route[], hasRoom: (route: Route) => boolean): Route | undefined {
  let first: Route | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const route of routes) {
    const rank = hasRoom(route) ? route.queue.peek() : undefined;
    if (rank === undefined || rank >= least) continue;
    first = route;
    least = rank;
  }
  return first;
}
