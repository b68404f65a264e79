import type { Address } from './address.ts';
import { Agenda } from './agenda.ts';
import {
  loadActorsMax,
  restingActorsMax,
  snapshotActorsMax,
  snapshotBytesMax,
  timersAheadMs,
  timersExtendMs,
  wakeAheadMs,
  wholeToLagEvents,
} from './bounds.ts';
import { type Epoch, type Micros, micros, plusMs, type Seq, type Shard, seq } from './brand.ts';
import type { ActorCache } from './cache.ts';
import { isPassing } from './contained.ts';
import { AstraError } from './errors.ts';
import { encodeId } from './ids.ts';
import type { Kit } from './kit.ts';
import type { Live } from './live.ts';
import type { StoredSnapshot } from './log.ts';
import { restOf } from './rest.ts';
import { dueOf, snapshotOf, snapshotVersion } from './snapshot.ts';

/** What the shard is committed up to, and under which epoch. */
export interface Owned {
  readonly epoch: Epoch;
  readonly committed: { readonly seq: Seq; readonly flushedSeq: Seq };
}

export interface SnapshotsParts {
  readonly shard: Shard;
  readonly kit: Pick<Kit, 'shards' | 'log' | 'registry' | 'clock' | 'random' | 'background' | 'onTrouble'>;
  readonly cache: ActorCache;
  readonly owned: Owned;
  /** A head leaves memory: what it has registered is taken back. */
  readonly leave: (head: Live) => void;
  /** Memory cannot be gone on with: it has to be folded anew. */
  readonly failed: (error: unknown) => void;
}

/**
 * Who of a shard is in memory, and who in a snapshot (docs/architecture.md, "Snapshots"):
 *
 *            command, or due soon
 *   cold ──────────────────────────▶ in memory ──(its events have waited)──▶ captured ──(committed)──▶ written
 *    ▲  loaded: snapshot, and the events behind it                                                        │
 *    └────────── leaves: all of it is written, and nothing of it is due soon ◀────────────────────────────┘
 *
 * A capture is made whenever its turn comes, of states that may run ahead of the log; it is written once the log has come so far.
 */
export class ShardSnapshots {
  readonly #parts: SnapshotsParts;
  readonly #agenda: Agenda;
  /** Up to here, timers of actors out of memory are in the agenda. */
  #horizon = micros(0);
  /** There may be no snapshots of this shard yet. */
  #begins = false;
  /** How far they are noted to be whole. */
  #wholeTo = 0;
  readonly #wanted = new Set<Live>();
  readonly #ended = new Set<Live>();
  #captured: { readonly head: Live; readonly snapshot: StoredSnapshot }[] = [];
  /** Open actors whose snapshots are of other versions: loaded one part after the other, and written anew. */
  #outdated: Address[] | undefined;
  #closed = false;

  constructor(parts: SnapshotsParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.kit.registry, parts.shard / parts.kit.shards);
  }

  /** How many actors out of memory are known to be due. */
  get waiting(): number {
    return this.#agenda.size;
  }

  /** It belongs to a memory that is no more. */
  close(): void {
    this.#closed = true;
  }

  // — Recovery —

  /** Up to where recovery may rely on snapshots: behind that, the log is read. */
  async open(flushedSeq: Seq): Promise<Seq> {
    const wholeTo = await this.#parts.kit.log.snapshotsWholeTo(this.#parts.shard);
    this.#begins = wholeTo === undefined;
    this.#wholeTo = Math.min(wholeTo ?? 0, flushedSeq);
    return seq(this.#wholeTo);
  }

  /** Loads who is due, and learns who will be in the hour ahead. */
  async wakeAll(): Promise<void> {
    await this.#extend(micros(-1));
    await this.#load(this.#agenda.take(this.#soon()));
  }

  // — Every second —

  /** Lets go who rests and asks for what is to be written. Returns the least seq that a recovery has to look at again. */
  sweep(): number {
    const { kit, cache, owned, leave } = this.#parts;
    const { seq: committed } = owned.committed;
    const moment = {
      committed,
      now: kit.clock.now(),
      monotonicMs: kit.clock.monotonicMs(),
      isCrowded: cache.size > restingActorsMax,
    };
    let least = committed + 1;
    for (const head of cache.heads()) {
      if (head.unkeptSeq > 0 && head.unkeptSinceMs === 0) head.unkeptSinceMs = moment.monotonicMs;
      const rest = restOf(head, moment);
      if (rest === 'write') this.#wanted.add(head);
      else if (rest === 'forget') this.#ended.add(head);
      else if (rest === 'leave') {
        this.#remember(head, moment.now);
        leave(head);
        continue;
      }
      // I8: what has ended here alone, uncommitted, may never have ended.
      if (head.unkeptSeq > 0 && head.unkeptSeq < least && (!head.idle || head.lastSeq > committed))
        least = head.unkeptSeq;
    }
    if (this.#hasToWake) kit.background.add(this.#wake);
    if (this.#hasToWrite) kit.background.add(this.#write);
    return least;
  }

  /** One that leaves memory and is due: the agenda has it from here on. What is due later is found when the agenda grows. */
  #remember(head: Live, now: Micros): void {
    const due = dueOf(head, now);
    if (due !== null && due <= this.#horizon) this.#agenda.addActor(head.address, due);
  }

  // — Waking, behind the hot path too —

  get #isShort(): boolean {
    return plusMs(this.#parts.kit.clock.now(), timersAheadMs - timersExtendMs) > this.#horizon;
  }

  get #hasToWake(): boolean {
    return this.#isShort || this.#agenda.isDue(this.#soon()) || this.#outdated?.length !== 0;
  }

  readonly #wake = async (): Promise<boolean> => {
    const { kit, cache } = this.#parts;
    if (this.#closed) return false;
    if (this.#isShort) await this.#extend(this.#horizon);
    const due = this.#agenda.take(this.#soon());
    try {
      await this.#load(due);
    } catch (cause) {
      // They are due all the same: loaded with the next sweep.
      for (const address of due) if (!cache.find(address)) this.#agenda.addActor(address, kit.clock.now());
      throw cause;
    }
    await this.#wakeOutdated();
    return false;
  };

  #soon(): Micros {
    return plusMs(this.#parts.kit.clock.now(), wakeAheadMs);
  }

  /** Learns who is due later than `after`, up to the horizon. */
  async #extend(after: Micros): Promise<void> {
    const { shard, kit } = this.#parts;
    const before = this.#horizon;
    const upTo = plusMs(kit.clock.now(), timersAheadMs);
    // First, so that whoever leaves memory meanwhile is not missed.
    this.#horizon = upTo;
    try {
      for (const { org, actorType, actorKey, due } of await kit.log.dueActors(shard, { after, upTo }))
        this.#agenda.add(org, actorType, actorKey, due);
    } catch (cause) {
      this.#horizon = before;
      throw cause;
    }
  }

  async #load(addresses: readonly Address[]): Promise<void> {
    const { kit, cache } = this.#parts;
    for (let from = 0; from < addresses.length && !this.#closed; from += loadActorsMax) {
      const part = addresses.slice(from, from + loadActorsMax);
      try {
        await cache.load(part, kit.clock.monotonicMs());
      } catch (cause) {
        if (isPassing(cause)) throw cause;
        await this.#loadEach(part);
      }
    }
  }

  /** One of them cannot be folded: it stays out of memory, its commands are parked, and the others are loaded all the same. */
  async #loadEach(addresses: readonly Address[]): Promise<void> {
    const { kit, cache } = this.#parts;
    for (const address of addresses)
      try {
        await cache.load([address], kit.clock.monotonicMs());
      } catch (cause) {
        if (isPassing(cause)) throw cause;
        kit.onTrouble(`${address.type} ${address.id} is due and cannot be folded`, cause);
      }
  }

  /** Some of those whose snapshots are of other versions, while there is room in memory: they are folded, and written, anew. */
  async #wakeOutdated(): Promise<void> {
    const { shard, kit, cache } = this.#parts;
    if (!this.#outdated) {
      const than = new Map([...kit.registry.heads()].map((behavior) => [behavior.type, snapshotVersion(behavior)]));
      this.#outdated = [];
      for (const { org, actorType, actorKey } of await kit.log.dueActors(shard, { than })) {
        const prefix = kit.registry.ids(actorType)?.prefix;
        if (prefix !== undefined) this.#outdated.push({ org, type: actorType, id: encodeId(prefix, actorKey) });
      }
    }
    if (this.#outdated.length > 0 && cache.size <= restingActorsMax)
      await this.#load(this.#outdated.splice(0, loadActorsMax));
  }

  // — Writing, behind the hot path —

  get #hasToWrite(): boolean {
    const { flushedSeq } = this.#parts.owned.committed;
    return (
      this.#wanted.size + this.#ended.size + this.#captured.length > 0 || flushedSeq - this.#wholeTo > wholeToLagEvents
    );
  }

  readonly #write = async (): Promise<boolean> => {
    const { shard, kit, owned, failed } = this.#parts;
    await this.#capture();
    const { epoch, committed } = owned;
    const ready = this.#captured.filter(({ snapshot }) => snapshot.seq <= committed.seq);
    const ended = [...this.#ended].slice(0, snapshotActorsMax);
    if (this.#closed || (ready.length === 0 && ended.length === 0 && !this.#hasToWrite)) return false;
    const wholeTo = committed.flushedSeq;
    const outcome = await kit.log.writeSnapshots({
      shard,
      epoch,
      wholeTo,
      begins: this.#begins,
      snapshots: ready.map(({ snapshot }) => snapshot),
      ended: ended.map(({ address: { org, type }, key, lastSeq }) => ({
        org,
        actorType: type,
        actorKey: key,
        seq: seq(lastSeq),
      })),
    });
    if (this.#closed || outcome === 'fenced') return false;
    if (outcome === 'deleted') {
      failed(new AstraError('unavailable', 'snapshots_deleted', `the snapshots of shard ${shard} were deleted`));
      return false;
    }
    this.#begins = false;
    this.#wholeTo = Math.max(this.#wholeTo, wholeTo);
    this.#captured = this.#captured.filter((one) => !ready.includes(one));
    for (const { head, snapshot } of ready) this.#written(head, snapshot);
    for (const head of ended) {
      this.#ended.delete(head);
      head.kept = undefined;
    }
    return this.#wanted.size > 0 || this.#ended.size > 0;
  };

  /** Encodes the states of some that are wanted. */
  async #capture(): Promise<void> {
    const { kit, cache } = this.#parts;
    const heads = [...this.#wanted].slice(0, snapshotActorsMax);
    const kids = heads.flatMap((head) => [...(head.kids ?? [])]);
    if (kids.length > 0) await cache.learnKids(kids);
    let bytes = 0;
    for (const head of heads) {
      if (bytes > snapshotBytesMax) return;
      this.#wanted.delete(head);
      if (cache.find(head.address) !== head || this.#captured.some((one) => one.head === head)) continue;
      const snapshot = snapshotOf(head, kit.clock.now(), cache.key, () => kit.random.bytes(12));
      this.#captured.push({ head, snapshot });
      bytes += snapshot.state.length;
    }
  }

  #written(head: Live, { seq, version, due }: StoredSnapshot): void {
    head.kept = { seq, version, due: due !== null };
    head.unkeptSeq = head.lastSeq === seq ? 0 : seq + 1;
    head.unkeptSinceMs = 0;
  }
}
