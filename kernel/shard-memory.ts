import type { Address } from './address.ts';
import type { Timer } from './behavior.ts';
import { effectHeadroomBytes, endedFamilyMs } from './bounds.ts';
import type { Seq, Shard } from './brand.ts';
import { ActorCache } from './cache.ts';
import { Decider } from './decider.ts';
import { EventFeed } from './event-feed.ts';
import type { Kit } from './kit.ts';
import type { Live } from './live.ts';
import { offerOf } from './offer.ts';
import { recover } from './recovery.ts';
import type { Marks, Offer } from './unit.ts';
import { register, unregister } from './wants.ts';

export interface ShardMemoryParts {
  readonly shard: Shard;
  readonly kit: Kit;
  /** A timer came due. */
  readonly fire: (live: Live, timer: Timer) => void;
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

  constructor(parts: ShardMemoryParts, committed: Marks, published: Seq) {
    this.#parts = parts;
    const { shard, kit } = parts;
    this.cache = new ActorCache(shard, kit.log, kit.registry);
    this.decider = this.#newDecider(committed);
    this.feed = this.#newFeed(committed, published);
  }

  /** Makes it anew and folds what is open into it. */
  async fold(committed: Marks & { readonly flushedSeq: Seq }): Promise<void> {
    const { shard, kit } = this.#parts;
    const { log, registry, clock } = kit;
    this.cache = new ActorCache(shard, log, registry);
    this.decider = this.#newDecider(committed);
    const { published } = this.feed;
    this.feed.stop();
    this.feed = this.#newFeed(committed, published);
    const { flushedSeq, seq } = committed;
    await recover({ shard, flushedSeq, seq }, log, this.cache, registry, clock.monotonicMs());
  }

  /** Registers what the actors want: timers and work. */
  register(): void {
    const { kit, fire } = this.#parts;
    const { wheel, board, clock } = kit;
    for (const live of this.#lives()) register(live, wheel, board, fire, () => clock.now());
  }

  /** Every attempt that is on offer. */
  *offers(): Generator<Offer> {
    for (const live of this.#lives()) {
      const offer = offerOf(live);
      if (offer) yield offer;
    }
  }

  /** Loads the cold ones of these actors in one round trip. What fails here fails again, and alone, when its turn comes. */
  prefetch(addresses: Iterable<Address>): void | Promise<void> {
    const { shard, kit } = this.#parts;
    const cold: Address[] = [];
    for (const to of addresses)
      try {
        if (!this.cache.find(to) && kit.registry.shardOf(to, kit.shards) === shard) cold.push(to);
      } catch {
        // A malformed id is refused when its turn comes.
      }
    if (cold.length > 0) return this.cache.load(cold, kit.clock.monotonicMs()).catch(() => {});
  }

  /** Lets idle actors go. Returns the least seq that a recovery has to look at again. */
  sweep(committed: Seq): number {
    const { wheel, board, clock } = this.#parts.kit;
    for (const head of this.cache.evictable(committed, clock.monotonicMs(), endedFamilyMs)) {
      unregister(head, wheel, board);
      this.cache.forget(head);
    }
    let least = committed + 1;
    // I8: what has ended here alone, uncommitted, may never have ended.
    for (const head of this.cache.heads())
      if ((!head.idle || head.lastSeq > committed) && head.firstSeq > 0 && head.firstSeq < least) least = head.firstSeq;
    return least;
  }

  /** Takes back what its actors have registered. */
  unregister(): void {
    const { wheel, board } = this.#parts.kit;
    for (const head of this.cache.heads()) unregister(head, wheel, board);
  }

  *#lives(): Generator<Live> {
    for (const head of this.cache.heads()) {
      yield head;
      yield* head.members?.values() ?? [];
    }
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
