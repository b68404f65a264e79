import { type Address, addressKey, headId, keyBytes, memberKey } from './address.ts';
import { idleActorsMax } from './bounds.ts';
import type { Shard } from './brand.ts';
import { kidsOfBody, openEvent } from './codec.ts';
import { AstraError } from './errors.ts';
import type { StoredEvent } from './event.ts';
import { Live, stampedOf } from './live.ts';
import type { ActorRange, Log, SubjectKey } from './log.ts';
import type { Registry } from './registry.ts';
import { type SupervisionState, supervisionType } from './supervision.ts';

/** Keys of subjects, as far as this process has met them; the oldest leave first. */
const keysMax = 10_000;

/**
 * The actors of one shard that are in memory, by head. Cold ones are loaded by folding their events, a whole window of
 * them in one query; idle ones leave when they are old or too many (their state is in the log).
 */
export class ActorCache {
  readonly #shard: Shard;
  readonly #log: Pick<Log, 'readActors' | 'keysById' | 'subjectKeys'>;
  readonly #registry: Registry;
  /** In order of last use, for those that were moved to the end when used. */
  readonly #heads = new Map<string, Live>();
  readonly #keys = new Map<string, SubjectKey>();

  constructor(shard: Shard, log: Pick<Log, 'readActors' | 'keysById' | 'subjectKeys'>, registry: Registry) {
    this.#shard = shard;
    this.#log = log;
    this.#registry = registry;
  }

  /** Those whose supervision holds them back, by name, with who watches over them. */
  readonly held = new Map<string, Live>();

  /** Notes whether a supervision, as it is now, holds its actor back. */
  supervise(live: Live): void {
    const { of, status } = live.state as SupervisionState;
    if (status === 'running') this.held.delete(addressKey(of));
    else this.held.set(addressKey(of), live);
  }

  get size(): number {
    return this.#heads.size;
  }

  heads(): IterableIterator<Live> {
    return this.#heads.values();
  }

  #headAddress(of: Address): Address {
    const head = this.#registry.head(of.type);
    return head ? { org: of.org, type: head.type, id: headId(of.id) } : of;
  }

  /** The actor, if its head is in memory. It may not exist: then its state is undefined. */
  find(address: Address): Live | undefined {
    const head = this.#heads.get(addressKey(this.#headAddress(address)));
    if (!head) return undefined;
    const key = memberKey(address.id);
    return key === undefined ? head : head.member(key);
  }

  /** An actor that is known to have no event yet. */
  fresh(address: Address): Live {
    const behavior = this.#registry.behavior(address.type);
    if (!behavior) throw unknownType(address.type);
    const live = new Live(address, behavior);
    this.#heads.set(live.name, live);
    return live;
  }

  /** Loads those of these actors that are not in memory, with their families, in one round trip. */
  async load(addresses: readonly Address[], monotonicMs: number): Promise<void> {
    const ranges = new Map<string, ActorRange>();
    const fresh: Live[] = [];
    for (const address of addresses) {
      const at = this.#headAddress(address);
      const name = addressKey(at);
      if (this.#heads.has(name) || ranges.has(name)) continue;
      const behavior = this.#registry.behavior(at.type);
      if (!behavior) throw unknownType(at.type);
      const live = new Live(at, behavior);
      live.usedAt = monotonicMs;
      fresh.push(live);
      ranges.set(name, { org: at.org, key: keyBytes(at.id), family: behavior.family !== undefined });
    }
    if (fresh.length === 0) return;
    const { events } = await this.#log.readActors(this.#shard, [...ranges.values()]);
    await this.learnKeys(events);
    for (const live of fresh) this.#heads.set(live.name, live);
    try {
      for (const stored of events) this.fold(stored);
    } catch (error) {
      // Nobody decides on what is folded in part.
      for (const live of fresh) this.#heads.delete(live.name);
      throw error;
    }
  }

  /** Folds one stored event into its actor, creating the actor in memory when it is its first. */
  fold(stored: StoredEvent): Live {
    const record = openEvent(stored, this.#registry, (kid) => this.#keys.get(kid));
    const live = this.find(record.actor) ?? this.fresh(this.#headAddress(record.actor));
    const actor = live.address.id === record.actor.id ? live : live.member(memberKey(record.actor.id) as string);
    if (record.version !== actor.version + 1)
      throw new AstraError(
        'corrupt',
        'version_gap',
        `expected version ${actor.version + 1} of ${actor.name}, found ${record.version} at ${stored.shard}:${stored.seq}`,
      );
    actor.fold({ ...stampedOf(record), actor: actor.address });
    if (actor.behavior.type === supervisionType) this.supervise(actor);
    return actor;
  }

  forget(live: Live): void {
    this.#heads.delete(live.name);
  }

  /** Moves an actor's head to the young end. */
  touch(live: Live, monotonicMs: number): void {
    const head = live.head ?? live;
    head.usedAt = monotonicMs;
    this.#heads.delete(head.name);
    this.#heads.set(head.name, head);
  }

  /** Heads that may leave memory: idle, wholly committed, and ended long enough ago or beyond the bound. */
  evictable(committedSeq: number, monotonicMs: number, endedMs: number): readonly Live[] {
    const out: Live[] = [];
    let excess = this.#heads.size - idleActorsMax;
    for (const head of this.#heads.values()) {
      if (!head.idle || head.lastSeq > committedSeq) continue;
      const old = monotonicMs - head.usedAt > endedMs;
      if ((head.members && old) || (!head.exists && old) || (excess > 0 && old)) {
        out.push(head);
        excess--;
      }
    }
    return out;
  }

  /** Fetches the keys that these events need and that are not known yet. */
  async learnKeys(events: readonly StoredEvent[]): Promise<void> {
    const kids: string[] = [];
    for (const event of events) kids.push(...kidsOfBody(event.body));
    if (kids.length > 0) await this.learnKids(kids);
  }

  /** Those that are needed stay until others are learnt, however many they are: what is opened without its key reads as erased. */
  async learnKids(kids: Iterable<string>): Promise<void> {
    const needed = new Set(kids);
    const missing = [...needed].filter((kid) => !this.#keys.has(kid));
    if (missing.length > 0)
      for (const key of (await this.#log.keysById(missing)).values()) this.#keys.set(key.kid, key);
    for (const kid of needed) {
      const key = this.#keys.get(kid);
      if (!key) continue;
      this.#keys.delete(kid);
      this.#keys.set(kid, key);
    }
    this.#letGo(Math.max(keysMax, needed.size));
  }

  readonly key = (kid: string): SubjectKey | undefined => this.#keys.get(kid);

  readonly #bySubject = new Map<string, SubjectKey>();

  /** The key of a subject, if this process has met it. */
  subjectKey(org: string, subject: string): SubjectKey | undefined {
    return this.#bySubject.get(`${org}\0${subject}`);
  }

  async learnSubject(org: string, subject: string): Promise<SubjectKey> {
    const known = this.subjectKey(org, subject);
    if (known) return known;
    const key = (await this.#log.subjectKeys(org, [subject])).get(subject);
    if (!key)
      throw new AstraError('unavailable', 'subject_key_missing', 'expected a key for the named subject, found none');
    this.#keys.set(key.kid, key);
    this.#letGo(keysMax);
    if (this.#bySubject.size >= keysMax) this.#bySubject.clear();
    this.#bySubject.set(`${org}\0${subject}`, key);
    return key;
  }

  /** Forgets the keys that were needed longest ago. */
  #letGo(most: number): void {
    for (const kid of this.#keys.keys()) {
      if (this.#keys.size <= most) return;
      this.#keys.delete(kid);
    }
  }
}

const unknownType = (type: string): AstraError =>
  new AstraError('rejected', 'unknown_actor_type', `expected an actor type that this program knows, found ${type}`);
