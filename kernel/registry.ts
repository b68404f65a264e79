import { type Address, headId, type IdFormat, shardOf } from './address.ts';
import type { Behavior } from './behavior.ts';
import type { Shard } from './brand.ts';
import type { EventShapes } from './codec.ts';
import { isId } from './ids.ts';

/** Placements that are remembered of each type: a hash each is the price of asking again. */
const placementsMax = 16_384;

interface KnownType {
  readonly behavior: Behavior;
  readonly head: Behavior | undefined;
  /** By id: where it was asked for last. */
  readonly placements: Map<string, { readonly org: string; readonly shards: number; readonly shard: Shard }>;
}

/** What a program knows of actor types: their behaviors, ids, event schemas and personal fields. */
export class Registry implements EventShapes {
  readonly #types = new Map<string, KnownType>();

  constructor(behaviors: readonly Behavior[]) {
    for (const behavior of behaviors) {
      this.#types.set(behavior.type, { behavior, head: undefined, placements: new Map() });
      if (behavior.family)
        this.#types.set(behavior.family.member.type, {
          behavior: behavior.family.member,
          head: behavior,
          placements: new Map(),
        });
    }
  }

  behavior(type: string): Behavior | undefined {
    return this.#types.get(type)?.behavior;
  }

  /** The behaviors of those that are no members of a family. */
  *heads(): Generator<Behavior> {
    for (const { behavior, head } of this.#types.values()) if (!head) yield behavior;
  }

  /** The behavior of the head of a member type's family. */
  head(type: string): Behavior | undefined {
    return this.#types.get(type)?.head;
  }

  ids(type: string): IdFormat | undefined {
    return this.#types.get(type)?.behavior.ids;
  }

  personal(type: string, eventType: string): readonly string[] {
    return this.#types.get(type)?.behavior.personal?.[eventType] ?? [];
  }

  /** Whose id this is, as far as its spelling tells. */
  addressOf(org: string, id: string): Address | undefined {
    const head = headId(id);
    for (const [type, known] of this.#types)
      if (isId(known.behavior.ids.prefix, head) && (head === id) === (known.head === undefined))
        return { org, type, id };
    return undefined;
  }

  /** The shard of an address; undefined for an unknown actor type. Throws a RangeError for a malformed id. */
  shardOf(to: Address, shards: number): Shard | undefined {
    const type = this.#types.get(to.type);
    if (!type) return undefined;
    const known = type.placements.get(to.id);
    if (known !== undefined && known.org === to.org && known.shards === shards) return known.shard;
    const format = type.behavior.ids;
    const head = headId(to.id);
    if (!isId(format.prefix, head) || (head === to.id) !== (type.head === undefined))
      throw new RangeError(`not an id of ${to.type}: ${to.id.slice(0, 100)}`);
    // A member is where its head is, who was most likely asked for before.
    const shard = type.head
      ? (this.shardOf({ org: to.org, type: type.head.type, id: head }, shards) as Shard)
      : shardOf(to, format, shards);
    if (type.placements.size >= placementsMax) type.placements.clear();
    type.placements.set(to.id, { org: to.org, shards, shard });
    return shard;
  }
}
