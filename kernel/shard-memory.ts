import type { Address } from './address.ts';
import type { Timer } from './behavior.ts';
import { effectHeadroomBytes } from './bounds.ts';
import type { Seq, Shard } from './brand.ts';
import { ActorCache } from './cache.ts';
import { Decider } from './decider.ts';
import { EventFeed } from './event-feed.ts';
import { supervisorOf } from './failing.ts';
import type { Kit } from './kit.ts';
import type { Live } from './live.ts';
import { offerOf } from './offer.ts';
import { recover } from './recovery.ts';
import type { Window } from './shard-inputs.ts';
import { type Owned, ShardSnapshots } from './snapshots.ts';
import { supervisionType } from './supervision.ts';
import type { Marks, Offer } from './unit.ts';
import { register, unregister } from './wants.ts';

export interface ShardMemoryParts {
  readonly shard: Shard;
  readonly kit: Kit;
  /** What it is committed up to. */
  readonly owned: Owned;
  /** A timer came due. */
  readonly fire: (live: Live, timer: Timer) => void;
  /** It cannot be gone on with: it has to be folded anew. */
  readonly failed: (error: unknown) => void;
}

/**
 * What a shard has in memory: its actors, what decides on them, and what is on its way to EVT. It is a fold over the
 * log (I5): it may be thrown away at any time, and made anew from there.
 */
export class ShardMemory {
  readonly #parts: ShardMemoryParts;
  cache: ActorCache;
  decider: Decider;
  feed: EventFeed;
  #snapshots: ShardSnapshots;
  /** Whoever comes into memory registers what it wants. */
  #isRegistered = false;

  constructor(parts: ShardMemoryParts, committed: Marks, published: Seq) {
    this.#parts = parts;
    const { shard, kit } = parts;
    this.cache = new ActorCache(shard, kit.log, kit.registry, undefined, kit.load);
    this.#snapshots = this.#newSnapshots();
    this.decider = this.#newDecider(committed);
    this.feed = this.#newFeed(committed, published);
  }

  /** Makes it anew and folds what is open into it. Returns the `flushedSeq` that this began at. */
  async fold(committed: Marks & { readonly flushedSeq: Seq }): Promise<Seq> {
    const { shard, kit } = this.#parts;
    const { log, registry, clock } = kit;
    this.#snapshots.close();
    this.cache.mailboxes.clear();
    const loaded = (head: Live): void => {
      if (this.#isRegistered && this.cache === cache) this.#registerAll(head);
    };
    const cache = new ActorCache(shard, log, registry, loaded, kit.load);
    this.cache = cache;
    this.#snapshots = this.#newSnapshots();
    this.decider = this.#newDecider(committed);
    const { published } = this.feed;
    this.feed.stop();
    this.feed = this.#newFeed(committed, published);
    const flushedSeq = await this.#snapshots.open(committed.flushedSeq);
    await recover({ shard, flushedSeq, seq: committed.seq }, log, cache, registry, clock.monotonicMs());
    await this.#snapshots.wakeAll();
    return flushedSeq;
  }

  /** Registers what the actors want, timers and work, and from now on those of everybody who is loaded. */
  register(): void {
    this.#isRegistered = true;
    for (const head of this.cache.heads()) this.#registerAll(head);
  }

  #registerAll(head: Live): void {
    const { kit, fire } = this.#parts;
    const { wheel, board, clock } = kit;
    for (const live of [head, ...(head.members?.values() ?? [])]) register(live, wheel, board, fire, () => clock.now());
  }

  /** Every attempt that is on offer. */
  *offers(): Generator<Offer> {
    for (const live of this.#lives()) {
      const offer = offerOf(live);
      if (offer) yield offer;
    }
  }

  /** Loads the cold ones of these actors, and of who keeps what is deferred, in one round trip. What fails here fails again, and alone, when its turn comes. */
  prefetch({ ahead, deferred }: Window): void | Promise<void> {
    const { shard, kit } = this.#parts;
    const cold: Address[] = [];
    const prefix = kit.registry.ids(supervisionType)?.prefix;
    if (prefix !== undefined)
      for (const of of deferred) {
        const keeper = supervisorOf(of, shard, prefix);
        if (!this.cache.find(keeper)) cold.push(keeper);
      }
    for (const to of ahead)
      try {
        if (!this.cache.find(to) && kit.registry.shardOf(to, kit.shards) === shard) cold.push(to);
      } catch {
        // A malformed id is refused when its turn comes.
      }
    if (cold.length > 0) return this.cache.load(cold, kit.clock.monotonicMs()).catch(() => {});
  }

  /** Lets actors go that rest, and has others written. Returns the least seq that a recovery has to look at again. */
  sweep(): number {
    return this.#snapshots.sweep();
  }

  /** Takes back what its actors have registered. */
  unregister(): void {
    const { wheel, board } = this.#parts.kit;
    this.#isRegistered = false;
    this.cache.mailboxes.clear();
    for (const head of this.cache.heads()) unregister(head, wheel, board);
  }

  *#lives(): Generator<Live> {
    for (const head of this.cache.heads()) {
      yield head;
      yield* head.members?.values() ?? [];
    }
  }

  #newSnapshots(): ShardSnapshots {
    const { shard, kit, owned, failed } = this.#parts;
    const { cache } = this;
    const leave = (head: Live): void => {
      unregister(head, kit.wheel, kit.board);
      cache.forget(head);
    };
    return new ShardSnapshots({ shard, kit, cache, owned, leave, failed });
  }

  #newDecider(committed: Marks): Decider {
    const { shard, kit, fire } = this.#parts;
    const { shards, registry, clock, random, wheel, board, log, bus, idempotencyDays, serving, onParked, onSuspended } =
      kit;
    return new Decider(
      {
        shard,
        shards,
        registry,
        cache: this.cache,
        clock,
        random,
        wheel,
        board,
        log,
        idempotencyDays,
        serving,
        effectBytesMax: bus.messageBytesMax - effectHeadroomBytes,
        fire,
        onParked: (id, problem) => onParked(shard, id, problem),
        onSuspended,
      },
      committed,
    );
  }

  #newFeed(committed: Marks, published: Seq): EventFeed {
    const { shard, kit } = this.#parts;
    const { bus, log, clock, registry, generation, eventsFor, onTrouble } = kit;
    const { cache } = this;
    return new EventFeed(
      {
        shard,
        bus,
        log,
        clock,
        registry,
        keys: cache.key,
        learnKeys: (events) => cache.learnKeys(events),
        generation,
        wanted: eventsFor,
        onTrouble: (message, cause) => onTrouble(`shard ${shard}: ${message}`, cause),
      },
      published,
      committed.seq,
    );
  }
}
