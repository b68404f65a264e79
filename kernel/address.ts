import { createHash } from 'node:crypto';
import { type Shard, shard } from './brand.ts';
import { decodeId, encodeId } from './ids.ts';

/**
 * Where a message goes: one actor of one org. `id` is its text form (`gl_01h…`, a task's `gl_01h….fetch`).
 * Two addresses are the same actor when org, type and id are equal (I10: the org is always part of the identity).
 */
export interface Address {
  readonly org: string;
  readonly type: string;
  readonly id: string;
}

/** How the kernel spells the ids of an actor type. */
export interface IdFormat {
  /** The prefix before the underscore: `gl`. */
  readonly prefix: string;
  /** The type whose key places this one: a task lives where its goal lives. Its own type by default. */
  readonly placedAs?: string;
  /** Ids of this type carry their shard in their first two bytes, and are not hashed. */
  readonly pinned?: boolean;
}

/** One text for one actor, for maps. */
export const addressKey = (of: Address): string => `${of.org}/${of.type}/${of.id}`;

/** The binary key of an actor: the 16 bytes of its id, for a member of a family followed by its key in UTF-8. */
export function keyBytes(id: string): Buffer {
  const dot = id.indexOf('.');
  if (dot < 0) return decodeId(id);
  return Buffer.concat([decodeId(id.slice(0, dot)), Buffer.from(id.slice(dot + 1), 'utf8')]);
}

/** The text id of a binary key. */
export function idOf(prefix: string, key: Buffer): string {
  const head = encodeId(prefix, key.subarray(0, 16));
  return key.length === 16 ? head : `${head}.${key.toString('utf8', 16)}`;
}

/** The head's id of a member's id, or the id itself. */
export function headId(id: string): string {
  const dot = id.indexOf('.');
  return dot < 0 ? id : id.slice(0, dot);
}

/** The member's key in an id, or undefined. */
export function memberKey(id: string): string | undefined {
  const dot = id.indexOf('.');
  return dot < 0 ? undefined : id.slice(dot + 1);
}

/**
 * The shard of an actor: first four bytes, big endian, of SHA-256(org ‖ 0x00 ‖ `<type>/<id>`) mod `shards`
 * (docs/architecture.md, "Placement"); a pinned id names its shard itself.
 */
export function shardOf(to: Address, format: IdFormat, shards: number): Shard {
  if (format.pinned) return shard(decodeId(to.id).readUInt16BE(0) % shards);
  const digest = createHash('sha256')
    .update(`${to.org}\0${format.placedAs ?? to.type}/${headId(to.id)}`, 'utf8')
    .digest();
  return shard(digest.readUInt32BE(0) % shards);
}
