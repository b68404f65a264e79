import { type Address, headId, type IdFormat, shardOf } from './address.ts';
import type { Behavior } from './behavior.ts';
import type { Shard } from './brand.ts';
import type { EventShapes } from './codec.ts';
import { isId } from './ids.ts';

/** Placements that are remembered: a hash each is the price of asking again. */
const placementsMax = 16_384;

/** What a program knows of actor types: their behaviors, ids, event schemas and personal fields. */
export class Registry implements EventShapes {
  readonly #placements = new Map<string, Shard>();
  readonly #types = new Map<string, { behavior: Behavior; head: Behavior | undefined }>();

  constructor(behaviors: readonly Behavior[]) {
    for (const behavior of behaviors) {
      this.#types.set(behavior.type, { behavior, head: undefined });
      if (behavior.family)
        this.#types.set(behavior.family.member.type, { behavior: behavior.family.member, head: behavior });
    }
  }

  behavior(type: string): Behavior | undefined {
    return this.#types.get(type)?.behavior;
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

  /** The shard of an address; undefined for an unknown actor type. Throws a RangeError for a malformed id. */
  shardOf(to: Address, shards: number): Shard | undefined {
    const format = this.ids(to.type);
    if (!format) return undefined;
    const name = `${to.org}/${to.type}/${to.id}/${shards}`;
    const known = this.#placements.get(name);
    if (known !== undefined) return known;
    const head = headId(to.id);
    if (!isId(format.prefix, head) || (head === to.id) !== (this.head(to.type) === undefined))
      throw new RangeError(`not an id of ${to.type}: ${to.id.slice(0, 100)}`);
    const shard = shardOf(to, format, shards);
    if (this.#placements.size >= placementsMax) this.#placements.clear();
    this.#placements.set(name, shard);
    return shard;
  }
}
