import { type Address, addressKey, keyBytes, memberKey } from './address.ts';
import type { Behavior, Fact, Stamped, Timer, Work } from './behavior.ts';
import type { TimerHandle } from './timers.ts';

/**
 * An actor in memory: its state as folded so far, committed or not. A head carries its members, and folds their events
 * too (docs/architecture.md, "Behaviors and families").
 */
export class Live {
  readonly address: Address;
  readonly name: string;
  readonly key: Buffer;
  readonly behavior: Behavior;
  readonly head: Live | undefined;
  readonly members: Map<string, Live> | undefined;
  state: unknown;
  /** Version of its last event; 0 when it has none. */
  version = 0;
  firstSeq = 0;
  /** Seq of the last event folded into it, its members' included. */
  lastSeq = 0;
  /** What it waits for, as registered with the wheel. */
  timers: readonly { readonly timer: Timer; readonly handle: TimerHandle }[] = [];
  /** Set while it will be ready only later. */
  later: TimerHandle | undefined;
  /** What it wants of workers, as registered with dispatcher and liveness. */
  work: Work | undefined;
  /** Whether liveness watches its presence. */
  present: string | undefined;
  /** Monotonic milliseconds of its last use. */
  usedAt = 0;

  // — Of a head, for itself and its members —

  /** Its snapshot in the store: what it holds, and whether it is due at all. */
  kept: { readonly seq: number; readonly version: number; readonly due: boolean } | undefined;
  /** Seq of its first event that is in no snapshot; 0 when all are. */
  unkeptSeq = 0;
  /** Since when there is one, in monotonic milliseconds, as the sweeps have seen it. */
  unkeptSinceMs = 0;
  /** The keys that what is personal in its state was sealed with. */
  kids: Set<string> | undefined;

  constructor(address: Address, behavior: Behavior, head?: Live) {
    this.address = address;
    this.name = addressKey(address);
    this.key = keyBytes(address.id);
    this.behavior = behavior;
    this.head = head;
    this.members = behavior.family ? new Map() : undefined;
  }

  /** Whether it exists: it has a state, of its own events or by birth. */
  get exists(): boolean {
    return this.state !== undefined;
  }

  get idle(): boolean {
    return this.state === undefined || this.behavior.idle(this.state);
  }

  get subject(): string | undefined {
    return this.state === undefined ? undefined : this.behavior.subject?.(this.state, this.head?.state);
  }

  /** The member with this key, created empty when it does not exist. */
  member(key: string): Live {
    const family = this.behavior.family;
    if (!family || !this.members) throw new Error(`${this.behavior.type} has no members`);
    const existing = this.members.get(key);
    if (existing) return existing;
    const address = { org: this.address.org, type: family.member.type, id: `${this.address.id}.${key}` };
    return new Live(address, family.member, this);
  }

  /** What is sealed with this key has come into its state, or its head's. */
  addKid(kid: string): void {
    const of = this.head ?? this;
    of.kids ??= new Set();
    of.kids.add(kid);
  }

  /** Folds one event of this very actor into it, and into its head. */
  fold(event: Stamped<Fact>): void {
    this.state = this.behavior.evolve(this.state, event);
    this.version = event.version;
    this.lastSeq = event.seq;
    if (this.firstSeq === 0) this.firstSeq = event.seq;
    const head = this.head;
    const keeping = head ?? this;
    if (keeping.unkeptSeq === 0) keeping.unkeptSeq = event.seq;
    if (head) {
      const family = head.behavior.family;
      const key = memberKey(this.address.id) as string;
      if (!head.members?.has(key)) head.members?.set(key, this);
      if (family) head.state = family.evolve(head.state, event, key, this.state);
      head.lastSeq = event.seq;
      return;
    }
    const family = this.behavior.family;
    if (!family) return;
    for (const key of family.bears(this.state, event)) {
      const member = this.member(key);
      if (member.exists) continue;
      member.state = family.born(this.state, event, member.address);
      this.members?.set(key, member);
    }
  }
}
