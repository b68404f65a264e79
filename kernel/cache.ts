import { type Address, addressKey, headId, memberKey } from './address.ts';
import type { Shard } from './brand.ts';
import { kidsOfBody, outlineEvent } from './codec.ts';
import { AstraError } from './errors.ts';
import type { StoredEvent } from './event.ts';
import type { Load } from './inbox.ts';
import { Live } from './live.ts';
import type { ActorRange, Log, SubjectKey } from './log.ts';
import { Mailboxes } from './mailboxes.ts';
import type { Registry } from './registry.ts';
import { restore, snapshotVersion } from './snapshot.ts';
import { kidsOfState } from './state-codec.ts';
import { supervisionType } from './supervision.ts';

/** Keys of subjects, as far as this process has met them; the oldest leave first. */
const keysMax = 10_000;

/**
 * The actors of one shard that are in memory, by head. Cold ones are loaded by folding the events behind their snapshots, a
 * whole window of them in one query.
 */
export class ActorCache {
  readonly #shard: Shard;
  readonly #log: Pick<Log, 'readActors' | 'keysById' | 'subjectKeys'>;
  readonly #registry: Registry;
  /** In order of last use, for those that were moved to the end when used. */
  readonly #heads = new Map<string, Live>();
  readonly #keys = new Map<string, SubjectKey>();
  readonly #loaded: (head: Live) => void;
  /** By name: heads that are being loaded. */
  readonly #loading = new Map<string, Promise<void>>();

  /** What is kept for actors that are not decided at once. */
  readonly mailboxes: Mailboxes;

  /** `loaded` is told of every head that came from the log and exists; mailboxes count to `load`. */
  constructor(
    shard: Shard,
    log: Pick<Log, 'readActors' | 'keysById' | 'subjectKeys'>,
    registry: Registry,
    loaded: (head: Live) => void = () => {},
    load?: Load,
  ) {
    this.mailboxes = new Mailboxes(load);
    this.#shard = shard;
    this.#log = log;
    this.#registry = registry;
    this.#loaded = loaded;
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
    const fresh = new Map<string, Live>();
    const others: Promise<void>[] = [];
    for (const address of addresses) {
      const at = this.#headAddress(address);
      const name = addressKey(at);
      if (this.#heads.has(name) || fresh.has(name)) continue;
      const loading = this.#loading.get(name);
      if (loading) others.push(loading);
      else {
        const behavior = this.#registry.behavior(at.type);
        if (!behavior) throw unknownType(at.type);
        fresh.set(name, new Live(at, behavior));
      }
    }
    if (fresh.size > 0) {
      const loading = this.#read([...fresh.values()], monotonicMs);
      for (const name of fresh.keys()) this.#loading.set(name, loading);
      others.push(
        loading.finally(() => {
          for (const name of fresh.keys()) this.#loading.delete(name);
        }),
      );
    }
    await Promise.all(others);
  }

  /** Folds actors that are not in memory, and has them there when all of them are folded. */
  async #read(fresh: readonly Live[], monotonicMs: number): Promise<void> {
    const anew = await this.#readFrom(fresh, monotonicMs, true);
    if (anew.length > 0) await this.#readFrom(anew, monotonicMs, false);
  }

  /** Returns those whose snapshot cannot be read: they have to be folded from their first event. */
  async #readFrom(fresh: readonly Live[], monotonicMs: number, fromSnapshots: boolean): Promise<readonly Live[]> {
    const ranges = fresh.map(({ address: { org, type }, key, behavior }): ActorRange => {
      const range = { org, key, family: behavior.family !== undefined };
      return fromSnapshots
        ? { ...range, snapshot: { actorType: type, behaviorVersion: snapshotVersion(behavior) } }
        : range;
    });
    const { snapshots, events } = await this.#log.readActors(this.#shard, ranges);
    await this.learnKids([
      ...snapshots.flatMap(({ state }) => kidsOfState(state)),
      ...events.flatMap(({ body }) => kidsOfBody(body)),
    ]);
    const byKey = new Map(fresh.map((live) => [this.#keyOf(live.address.org, live.behavior.type, live.key), live]));
    const anew = new Set<Live>();
    for (const snapshot of snapshots) {
      const live = byKey.get(this.#keyOf(snapshot.org, snapshot.actorType, snapshot.actorKey)) as Live;
      if (!restore(live, snapshot, this.key)) anew.add(live);
      else if (live.behavior.type === supervisionType) this.mailboxes.note(live);
    }
    const whole = fresh.filter((live) => !anew.has(live));
    for (const live of whole) {
      live.usedAt = monotonicMs;
      this.#heads.set(live.name, live);
    }
    try {
      for (const stored of events)
        if (!anew.has(byKey.get(this.#keyOf(stored.org, stored.actorType, stored.actorKey)) as Live)) this.fold(stored);
    } catch (error) {
      // Nobody decides on what is folded in part.
      for (const live of whole) {
        this.#heads.delete(live.name);
        this.mailboxes.forget(live);
      }
      throw error;
    }
    for (const live of whole) if (live.exists) this.#loaded(live);
    return [...anew];
  }

  /** One text for the head of an actor as the store names it. */
  #keyOf(org: string, type: string, key: Buffer): string {
    return `${org}/${this.#registry.head(type)?.type ?? type}/${key.toString('hex', 0, 16)}`;
  }

  /** Folds one stored event into its actor, creating the actor in memory when it is its first. */
  fold(stored: StoredEvent): Live {
    // What was asked and what it caused is nothing to a state: most of a body is passed over.
    const record = outlineEvent(stored, this.#registry, this.key);
    const live = this.find(record.actor) ?? this.fresh(this.#headAddress(record.actor));
    const actor = live.address.id === record.actor.id ? live : live.member(memberKey(record.actor.id) as string);
    if (stored.version !== actor.version + 1)
      throw new AstraError(
        'corrupt',
        'version_gap',
        `expected version ${actor.version + 1} of ${actor.name}, found ${stored.version} at ${stored.shard}:${stored.seq}`,
      );
    if (record.kid !== undefined && this.#keys.has(record.kid)) actor.addKid(record.kid);
    const { type, data, seq, at } = record;
    actor.fold({ type, data: data as object, actor: actor.address, version: stored.version, seq, at });
    if (actor.behavior.type === supervisionType) this.mailboxes.note(actor);
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
