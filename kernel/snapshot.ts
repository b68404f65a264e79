import type { Behavior } from './behavior.ts';
import { snapshotKeysMax, snapshotMembersMax } from './bounds.ts';
import { type Micros, micros, seq } from './brand.ts';
import type { KeyLookup } from './codec.ts';
import type { Live } from './live.ts';
import type { StoredSnapshot } from './log.ts';
import { decodeState, encodeState } from './state-codec.ts';

/** An actor as its snapshot has it. */
interface Folded {
  readonly version: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly state: unknown;
}

interface FoldedFamily {
  readonly head: Folded;
  /** By key, in the order of their birth. */
  readonly members: ReadonlyMap<string, Folded>;
}

/** The version of everything that a head's snapshot holds: its state's, and its members'. */
export const snapshotVersion = ({ version, family }: Behavior): number =>
  version + 2 ** 16 * (family?.member.version ?? 0);

/**
 * The snapshot of a head and its members as they are folded now, whether committed or not: it may be written once its `seq` is.
 * Where the state would hold up the loop (too many members) or cannot be sealed (a key was erased, or there are too many) it is left
 * out: the snapshot still says when its actor is due, and that is folded anew.
 */
export function snapshotOf(head: Live, now: Micros, keys: KeyLookup, nonce: () => Uint8Array): StoredSnapshot {
  return {
    org: head.address.org,
    actorType: head.address.type,
    actorKey: head.key,
    version: head.version,
    seq: seq(head.lastSeq),
    behaviorVersion: snapshotVersion(head.behavior),
    due: dueOf(head, now),
    state: stateOf(head, keys, nonce),
  };
}

function stateOf(head: Live, keys: KeyLookup, nonce: () => Uint8Array): Buffer {
  const { kids = new Set(), members = new Map<string, Live>() } = head;
  const sealing = [...kids].flatMap((kid) => keys(kid) ?? []);
  if (sealing.length < kids.size || kids.size > snapshotKeysMax || members.size > snapshotMembersMax)
    return Buffer.alloc(0);
  const family: FoldedFamily = {
    head: foldedOf(head),
    members: new Map([...members].map(([key, member]) => [key, foldedOf(member)])),
  };
  return encodeState(family, sealing, nonce);
}

/** Makes a head and its members what a snapshot says. False when it cannot be read: then they are folded from their events. */
export function restore(head: Live, { seq, version, due, state }: StoredSnapshot, keys: KeyLookup): boolean {
  const read = decodeState(state, keys);
  if (!read) return false;
  const { head: folded, members } = read.value as FoldedFamily;
  put(head, folded);
  for (const [key, member] of members) {
    const live = head.member(key);
    put(live, member);
    head.members?.set(key, live);
  }
  for (const kid of read.kids) head.addKid(kid);
  head.kept = { seq, version, due: due !== null };
  return true;
}

/**
 * When a head or one of its members has to be in memory next: at once (0) while it wants workers, is watched or is resident, otherwise
 * with its next timer; null when nothing of it waits for a time.
 */
export function dueOf(head: Live, now: Micros): Micros | null {
  let due = Number.POSITIVE_INFINITY;
  for (const { behavior, state, head: of } of [head, ...(head.members?.values() ?? [])]) {
    if (state === undefined) continue;
    if (behavior.presence?.(state) !== undefined || behavior.resident?.(state) === true) return micros(0);
    const work = behavior.work?.(state, of?.state);
    if (work) {
      if (work.phase !== 'ready' || work.since <= now) return micros(0);
      due = Math.min(due, work.since);
    }
    for (const { at } of behavior.timers?.(state, of?.state) ?? []) due = Math.min(due, at);
  }
  return due === Number.POSITIVE_INFINITY ? null : micros(due);
}

const foldedOf = ({ version, firstSeq, lastSeq, state }: Live): Folded => ({ version, firstSeq, lastSeq, state });

const put = (live: Live, { version, firstSeq, lastSeq, state }: Folded): void =>
  void Object.assign(live, { version, firstSeq, lastSeq, state });
