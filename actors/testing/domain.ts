import { type Address, addressKey, headId, memberKey } from '../../kernel/address.ts';
import type { Decision, Effect, Fact, Stamped, WorkRoute } from '../../kernel/behavior.ts';
import { type Micros, micros, plusMs, positionOf, type Shard, seq } from '../../kernel/brand.ts';
import { pack, unpack } from '../../kernel/codec.ts';
import { DecisionContext } from '../../kernel/decide-context.ts';
import type { Envelope, Json, Reply } from '../../kernel/envelope.ts';
import { Live } from '../../kernel/live.ts';
import { Registry } from '../../kernel/registry.ts';
import { restore, snapshotOf } from '../../kernel/snapshot.ts';
import { behaviors } from '../index.ts';

/** Which of `count` waiting messages is delivered next. */
export type Pick = (count: number) => number;

const registry = new Registry(behaviors);
const shard = 0 as Shard;

/**
 * The domain by itself: every behavior folded as a kernel does it, without a kernel. Each family is a shard of its own, so that
 * whatever two actors say to each other is on its way for as long as a test likes: between two of them in order, among others
 * in any order. Commands from outside, and redirected ones, are in no order at all.
 */
export class Domain {
  now: Micros = micros(1_800_000_000_000_000);
  readonly events: Stamped<Fact>[] = [];
  readonly replies = new Map<string, Reply>();
  serving: (route: WorkRoute) => readonly string[] | undefined = () => [];
  readonly #heads = new Map<string, Live>();
  readonly #channels = new Map<string, Envelope[]>();
  #lanes: Envelope[] = [];
  /** Keyed commands by id: where and with what they were done. */
  readonly #done = new Map<string, { fingerprint: string; reply: Reply }>();
  #commands = 0;

  /** The actor; it may not exist. */
  find({ org, type, id }: Address): Live {
    const behavior = registry.head(type) ?? registry.behavior(type);
    if (!behavior) throw new Error(`no behavior for ${type}`);
    const at = { org, type: behavior.type, id: headId(id) };
    let head = this.#heads.get(addressKey(at));
    if (!head) {
      head = new Live(at, behavior);
      this.#heads.set(addressKey(at), head);
    }
    const key = memberKey(id);
    return key === undefined ? head : head.member(key);
  }

  /** Everybody who exists. */
  *actors(): Generator<Live> {
    for (const head of this.#heads.values())
      for (const live of [head, ...(head.members?.values() ?? [])]) if (live.exists) yield live;
  }

  stateOf<S>(type: string, id: string): S {
    return this.find({ org: 'default', type, id }).state as S;
  }

  command(type: string, id: string, verb: string, body: Json = {}, more: Partial<Envelope> = {}): Envelope {
    const unique = `c${++this.#commands}`;
    const to = { org: 'default', type, id };
    return { to, verb, id: unique, body, principal: 'key:test', correlationId: unique, hops: 0, ...more };
  }

  /** Puts a command on its way; its answer will be in `replies` under what is returned. */
  post(envelope: Envelope): string {
    const replyTo = `r${++this.#commands}`;
    this.#lanes.push({ ...envelope, replyTo });
    return replyTo;
  }

  /** Delivers a command, and then all that waits; returns its answer. */
  ask(envelope: Envelope): Reply {
    const replyTo = this.post(envelope);
    this.settle();
    return this.replies.get(replyTo) as Reply;
  }

  tell(type: string, id: string, verb: string, body: Json = {}): Reply {
    return this.ask(this.command(type, id, verb, body));
  }

  /** What a command would come to. */
  decision(envelope: Envelope): Decision<Fact> {
    const live = this.find(envelope.to);
    const context = new DecisionContext(live, envelope, this.now, shard, (_org, route) => this.serving(route));
    return live.behavior.decide(live.state, envelope.verb, envelope.body, context);
  }

  /** A command of the kernel itself. */
  local(to: Address, verb: string, body: Json = {}): void {
    this.deliver(this.command(to.type, to.id, verb, body, { principal: 'kernel' }));
  }

  get waiting(): number {
    let channels = 0;
    for (const channel of this.#channels.values()) if (channel.length > 0) channels++;
    return channels + this.#lanes.length;
  }

  /** Delivers one of the messages that wait. */
  step(pick: Pick = () => 0): void {
    const channels = [...this.#channels.values()].filter(({ length }) => length > 0);
    const chosen = pick(channels.length + this.#lanes.length);
    const message =
      chosen < channels.length
        ? (channels[chosen] as Envelope[]).shift()
        : this.#lanes.splice(chosen - channels.length, 1)[0];
    this.deliver(message as Envelope);
  }

  /** Holds back the commands that wait in lanes, until they are given on. */
  take(): readonly Envelope[] {
    const taken = this.#lanes;
    this.#lanes = [];
    return taken;
  }

  give(taken: readonly Envelope[]): void {
    this.#lanes.push(...taken);
  }

  settle(pick?: Pick): void {
    while (this.waiting > 0) this.step(pick);
  }

  /** Rings the timers that are due. */
  ring(): void {
    for (const live of [...this.actors()])
      for (const { name, at, generation } of live.behavior.timers?.(live.state, live.head?.state) ?? [])
        if (at <= this.now) this.local(live.address, 'timer', { name, generation });
  }

  wait(ms: number): void {
    this.now = plusMs(this.now, ms);
  }

  /**
   * Folds the events again, as they are read back from a log: another domain in the same state (I5). Behind an event that
   * `isKept` names, its family goes into a snapshot and comes back from there.
   */
  replayed(isKept: (event: Stamped<Fact>) => boolean = () => false): Domain {
    const again = new Domain();
    for (const event of this.events) {
      const live = again.find(event.actor);
      live.fold({ ...event, data: unpack(pack(event.data)) as object });
      if (isKept(event)) again.#keep(live.head ?? live);
    }
    return again;
  }

  #keep(head: Live): void {
    const none = (): never => {
      throw new Error('nothing was sealed');
    };
    const back = new Live(head.address, head.behavior);
    if (!restore(back, snapshotOf(head, this.now, none, none), none))
      throw new Error(`${head.name} cannot be read back`);
    this.#heads.set(head.name, back);
  }

  /** Decides a message and what it causes within its family; what it causes elsewhere is on its way then. */
  deliver(first: Envelope): void {
    const queue = [first];
    for (const envelope of queue) {
      const reply = this.#decide(envelope, queue);
      const { replyTo } = envelope;
      if (!reply || replyTo === undefined) continue;
      if (this.replies.has(replyTo)) throw new Error(`answered twice: ${JSON.stringify(reply)}`);
      this.replies.set(replyTo, reply);
    }
  }

  /** The answer; none when another actor gives it. */
  #decide(envelope: Envelope, queue: Envelope[]): Reply | undefined {
    const done = envelope.keyed === 'command' ? this.#done.get(envelope.id) : undefined;
    if (done) return repeated(done, envelope);
    const live = this.find(envelope.to);
    const decision = this.decision(envelope);
    const ok = { ok: true, position: positionOf(shard, seq(this.events.length + 1)), id: envelope.to.id } as const;
    switch (decision.kind) {
      case 'refused':
        return { ok: false, problem: decision.problem };
      case 'repeated':
        return { ...ok, replayed: true, ...dataOf(decision) };
      case 'redirected':
        this.#lanes.push({
          ...envelope,
          to: decision.to,
          verb: decision.verb,
          body: decision.body,
          hops: envelope.hops + 1,
        });
        return undefined;
      case 'events': {
        for (const fact of decision.events) this.#record(live, fact, envelope, queue);
        if (decision.delegated) return undefined;
        if (decision.problem) return { ok: false, problem: decision.problem };
        const reply: Reply = { ...ok, ...dataOf(decision) };
        if (envelope.keyed === 'command')
          this.#done.set(envelope.id, { fingerprint: envelope.fingerprint ?? '', reply });
        return reply;
      }
    }
  }

  #record(live: Live, fact: Fact, cause: Envelope, queue: Envelope[]): void {
    const event: Stamped<Fact> = {
      ...fact,
      actor: live.address,
      version: live.version + 1,
      seq: seq(this.events.length + 1),
      at: this.now,
    };
    this.events.push(event);
    live.fold(event);
    const family = live.head?.behavior.family;
    const effects = [
      ...(live.behavior.react?.(live.state, event, cause) ?? []),
      ...(family?.react(live.head?.state, event, memberKey(live.address.id) as string, live.state) ?? []),
    ];
    for (const [index, effect] of effects.entries())
      if (effect.kind === 'send') this.#send(live, effect, cause, `${event.seq}:${index}`, queue);
  }

  #send(from: Live, effect: Extract<Effect, { kind: 'send' }>, cause: Envelope, id: string, queue: Envelope[]): void {
    const { to, verb, body, delegate, as } = effect;
    const keyed = as ?? (delegate && cause.keyed !== undefined ? cause : undefined);
    const envelope: Envelope = {
      to,
      verb,
      id: as?.id ?? (delegate && cause.keyed === 'command' ? cause.id : id),
      body,
      principal: delegate ? cause.principal : `actor:${from.address.type}/${from.address.id}`,
      correlationId: cause.correlationId,
      hops: cause.hops + 1,
      ...(delegate && cause.replyTo !== undefined ? { replyTo: cause.replyTo } : null),
      ...(keyed?.keyed === undefined ? null : { keyed: keyed.keyed }),
      ...(keyed?.fingerprint === undefined ? null : { fingerprint: keyed.fingerprint }),
    };
    const home = from.head ?? from;
    const there = this.find(to);
    if (home === (there.head ?? there)) {
      queue.push(envelope);
      return;
    }
    const channel = `${home.name} ${(there.head ?? there).name}`;
    const waiting = this.#channels.get(channel) ?? [];
    waiting.push(envelope);
    this.#channels.set(channel, waiting);
  }
}

const dataOf = ({ data }: Extract<Decision<Fact>, { kind: 'events' | 'repeated' }>) =>
  data === undefined ? null : { data };

const repeated = (done: { fingerprint: string; reply: Reply }, { fingerprint = '' }: Envelope): Reply =>
  done.fingerprint === fingerprint
    ? ({ ...done.reply, replayed: true } as Reply)
    : { ok: false, problem: { kind: 'rejected', code: 'idempotency_key_reused', detail: 'another request' } };
