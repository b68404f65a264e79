import { type Address, memberKey } from './address.ts';
import { inadmissible } from './admissible.ts';
import type { Decision, Effect, Fact, Stamped, Timer, WorkRoute } from './behavior.ts';
import { cascadeBytesMax, cascadeMessagesMax, hopsMax } from './bounds.ts';
import { type Micros, micros, type Position, plusMs, positionOf, type Shard, seq } from './brand.ts';
import type { ActorCache } from './cache.ts';
import type { Clock } from './clock.ts';
import { encodeBody, type Sealer } from './codec.ts';
import { contained, PoisonedInput } from './contained.ts';
import { DecisionContext, pinnedId } from './decide-context.ts';
import { type Answerer, Deferring, type Excess, type Message, type Standing } from './deferring.ts';
import { checkEffects, effectEnvelope } from './effect-envelope.ts';
import type { Envelope } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { RecordedEffect } from './event.ts';
import { type Failed, failedBy, failedChild, failureOf, watch } from './failing.ts';
import type { Live } from './live.ts';
import type { Log } from './log.ts';
import { deadLetterType, type Parked, parking } from './parking.ts';
import type { Random } from './random.ts';
import { RecentCommands } from './recent-commands.ts';
import type { Registry } from './registry.ts';
import { sealerOf } from './sealing.ts';
import { parkedWithSubject } from './subject.ts';
import { supervisionType } from './supervision.ts';
import type { TimerWheel } from './timers.ts';
import { Touched } from './touched.ts';
import { emptyUnit, type Marks, type Source, type Unit } from './unit.ts';
import type { WorkBoard } from './wants.ts';

/** What a shard's decider needs of its surroundings. */
export interface DeciderParts {
  readonly shard: Shard;
  readonly shards: number;
  readonly registry: Registry;
  readonly cache: ActorCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly board: WorkBoard;
  readonly log: Pick<Log, 'findCommands'>;
  readonly idempotencyDays: number;
  /** The live workers of an org that may take work of this route; undefined while nobody can know. */
  readonly serving: (org: string, route: WorkRoute) => readonly string[] | undefined;
  /** What a message of the bus can carry to another shard. */
  readonly effectBytesMax: number;
  /** A timer came due. */
  readonly fire: (live: Live, timer: Timer) => void;
  /** Told of every parked message. */
  readonly onParked: (id: string, problem: Problem) => void;
  /** Told of every actor that is suspended, and what watches over it. */
  readonly onSuspended: (of: Address, supervision: string) => void;
}

/**
 * Decides the inputs of one shard, strictly in order, against its state in memory (docs/architecture.md, "A command's
 * way"). What an input causes within the shard runs at once, in the same unit, breadth first.
 * Nothing it does is visible outside before the unit's commit.
 */
export class Decider {
  readonly #parts: DeciderParts;
  readonly #recent: RecentCommands;
  #seq: number;
  #at: number;
  #lane: Marks['lane'];
  #sent: number[];
  #got: number[];
  #sentShared = true;
  #gotShared = true;
  readonly #touched: Touched;
  readonly #deferring: Deferring;

  constructor(parts: DeciderParts, marks: Marks) {
    this.#parts = parts;
    this.#recent = new RecentCommands(parts.shard);
    this.#touched = new Touched(parts);
    this.#deferring = new Deferring({
      ...parts,
      tell: (...of) => this.tell(...of),
      park: (unit, what, problem) => this.park(unit, what, problem),
      answerer,
    });
    this.#seq = marks.seq;
    this.#at = marks.at;
    this.#lane = marks.lane;
    this.#sent = marks.sent as number[];
    this.#got = marks.got as number[];
  }

  /** How far the shard is, decided but perhaps not committed. */
  marks(): Marks {
    this.#sentShared = true;
    this.#gotShared = true;
    return { seq: seq(this.#seq), at: micros(this.#at), lane: this.#lane, sent: this.#sent, got: this.#got };
  }

  /** The lane's position, as decided. */
  get lane(): Marks['lane'] {
    return this.#lane;
  }

  /** Effects taken from a sender so far. */
  got(from: Shard): number {
    return this.#got[from] ?? 0;
  }

  /** The bus forgot: the lane goes on at the beginning of another generation. */
  restartLane(lane: Marks['lane']): void {
    this.#lane = lane;
  }

  begin(source: Source): Unit {
    if (source.kind === 'lane') this.#lane = source.position;
    if (source.kind === 'channel') {
      if (this.#gotShared) {
        this.#got = [...this.#got];
        this.#gotShared = false;
      }
      this.#got[source.from] = source.n;
    }
    return emptyUnit(source);
  }

  end(unit: Unit): Unit {
    unit.marks = this.marks();
    return unit;
  }

  /** Decides one command and all it causes here. Replies go to `answer`, or by default to the envelope's subject. */
  async decide(unit: Unit, envelope: Envelope, answer?: Answerer, standing?: Standing): Promise<void> {
    const queue: Message[] = [{ envelope, answer: answer ?? answerer(unit, envelope), standing }];
    for (let i = 0; i < queue.length; i++) {
      const ready = this.#one(unit, queue[i] as Message, queue);
      if (ready) await ready;
    }
    this.#touched.settle(unit);
  }

  /** Has who keeps a mailbox decide about it. */
  tell(keeper: Live, unit: Unit, envelope: Envelope): void | Promise<void> {
    return this.#decideNow(keeper, unit, { envelope, answer: undefined }, []);
  }

  /** Puts these into their actors' mailboxes. Those that are to be decided now are decided. */
  async defer(unit: Unit, run: readonly Excess[]): Promise<void> {
    for (const { command, standing } of await this.#deferring.keepAll(unit, run))
      await this.decide(unit, command, undefined, standing);
  }

  /** One message. Returns a promise only when something has to be fetched first. */
  #one(unit: Unit, message: Message, queue: Message[]): void | Promise<void> {
    const { envelope } = message;
    const problem = inadmissible(envelope, this.#parts);
    if (problem) return message.answer?.({ ok: false, problem });
    if (envelope.hops > hopsMax)
      return this.park(
        unit,
        envelope,
        {
          kind: 'contained',
          code: 'cascade_too_deep',
          detail: `expected at most ${hopsMax} messages in a chain of causes, found ${envelope.hops}`,
        },
        message.answer,
      );
    const live = this.#parts.cache.find(envelope.to);
    if (!live || (envelope.keyed === 'command' && !this.#recent.has(envelope.id)))
      return this.#fetch(unit, message, queue);
    return this.#decideOn(live, unit, message, queue);
  }

  async #fetch(unit: Unit, message: Message, queue: Message[]): Promise<void> {
    const { cache, clock, log, shard } = this.#parts;
    const { envelope } = message;
    if (envelope.keyed === 'command')
      for (const found of await log.findCommands(shard, [envelope.id])) this.#recent.add(found);
    // Last, so that it cannot have left memory again meanwhile.
    if (!cache.find(envelope.to)) await cache.load([envelope.to], clock.monotonicMs());
    await this.#decideOn(cache.find(envelope.to) as Live, unit, message, queue);
  }

  #decideOn(live: Live, unit: Unit, message: Message, queue: Message[]): void | Promise<void> {
    const { envelope, answer } = message;
    if (envelope.keyed === 'command') {
      const before = this.#recent.answer(envelope);
      if (before) return answer?.(before);
    }
    const failed = failedChild(live, envelope);
    if (failed) return live.exists ? this.#fail(undefined, unit, failed) : undefined;
    const { standing } = message;
    if (this.#parts.cache.mailboxes.areOpen && standing !== 'actor exceeds' && standing !== 'org exceeds')
      return this.#decideNow(live, unit, message, queue);
    const kept = this.#deferring.keep(live, unit, message, queue, this.#now());
    if (kept === false) return this.#decideNow(live, unit, message, queue);
    // The actor may have left memory meanwhile.
    if (kept !== true)
      return kept.then((is) => (is ? undefined : this.#one(unit, { ...message, standing: 'released' }, queue)));
  }

  #decideNow(live: Live, unit: Unit, message: Message, queue: Message[]): void | Promise<void> {
    const { envelope, answer } = message;
    const now = this.#now();
    let decision: Decision<Fact>;
    try {
      decision = live.behavior.decide(
        live.state,
        envelope.verb,
        envelope.body,
        new DecisionContext(live, envelope, now, this.#parts.shard, this.#parts.serving),
      );
    } catch (error) {
      if (live.behavior.type === deadLetterType) throw error;
      return this.park(unit, envelope, contained(live, envelope, error), answer);
    }
    const position = positionOf(this.#parts.shard, seq(this.#seq + 1));
    switch (decision.kind) {
      case 'refused':
        if (decision.isKept && !answer) return this.park(unit, envelope, decision.problem);
        return answer?.({ ok: false, problem: decision.problem });
      case 'repeated':
        return answer?.({
          ok: true,
          position: positionOf(this.#parts.shard, seq(live.firstSeq || this.#seq)),
          id: envelope.to.id,
          replayed: true,
          ...(decision.data === undefined ? null : { data: decision.data }),
        });
      case 'redirected':
        unit.forwards.push({
          ...envelope,
          to: decision.to,
          verb: decision.verb,
          body: decision.body,
          hops: envelope.hops + 1,
        });
        return;
      case 'events': {
        const subjectKey = sealerOf(live, envelope, this.#parts);
        if (subjectKey instanceof Promise)
          return subjectKey.then((sealer) => this.#apply(live, unit, message, queue, decision, now, sealer, position));
        return this.#apply(live, unit, message, queue, decision, now, subjectKey, position);
      }
    }
  }

  #apply(
    live: Live,
    unit: Unit,
    message: Message,
    queue: Message[],
    decision: Extract<Decision<Fact>, { kind: 'events' }>,
    now: Micros,
    sealer: Sealer | undefined,
    position: Position,
  ): void {
    const { envelope, answer } = message;
    if (decision.events.length > 0) this.#parts.cache.touch(live, this.#parts.clock.monotonicMs());
    if (sealer) live.addKid(sealer.key.kid);
    let delegated = false;
    let first = true;
    for (const fact of decision.events) {
      delegated = this.#record(live, unit, message, queue, fact, now, sealer, first) || delegated;
      first = false;
    }
    this.#touched.add(live);
    if (envelope.principal.startsWith('worker:')) this.#touched.addByHolder(live);
    if (live.head) this.#touched.add(live.head);
    // A refusal is decided anew when it is asked again; who answers in this one's place remembers in its place.
    if (envelope.keyed === 'command' && !delegated && !decision.problem) {
      const at = seq(first ? this.#seq : this.#seq - decision.events.length + 1);
      unit.commands.push(this.#recent.carriedOut(envelope, at, plusMs(now, this.#parts.idempotencyDays * 86_400_000)));
    }
    if (delegated) return;
    if (decision.problem) answer?.({ ok: false, problem: decision.problem });
    else
      answer?.({
        ok: true,
        position: first ? positionOf(this.#parts.shard, seq(this.#seq)) : position,
        id: envelope.to.id,
        ...(decision.data === undefined ? null : { data: decision.data }),
      });
  }

  /** Makes one fact an event: folds it, lets it react, sends what it causes. Returns whether a message carries the caller on. */
  #record(
    live: Live,
    unit: Unit,
    message: Message,
    queue: Message[],
    fact: Fact,
    now: Micros,
    sealer: Sealer | undefined,
    first: boolean,
  ): boolean {
    const { envelope } = message;
    const schema = live.behavior.events[fact.type];
    if (schema === undefined) throw new Error(`${live.behavior.type} has no event type ${fact.type}`);
    const at = seq(++this.#seq);
    const position = positionOf(this.#parts.shard, at);
    const event: Stamped<Fact> = {
      type: fact.type,
      data: fact.data,
      actor: live.address,
      version: live.version + 1,
      seq: at,
      at: now,
    };
    let effects: Effect[];
    try {
      live.fold(event);
      if (live.behavior.type === supervisionType) watch(live, event, this.#parts);
      effects = [...(live.behavior.react?.(live.state, event, envelope) ?? [])];
      const head = live.head;
      if (head?.behavior.family)
        effects.push(
          ...head.behavior.family.react(head.state, event, memberKey(live.address.id) as string, live.state),
        );
    } catch (error) {
      throw new PoisonedInput(contained(live, envelope, error), error);
    }
    const recorded: RecordedEffect[] = [];
    let delegated = false;
    for (let i = 0; i < effects.length; i++) {
      const effect = effects[i] as Effect;
      if (effect.kind === 'touch') {
        for (const key of effect.members) this.#touched.add((live.head ?? live).member(key));
      } else if (effect.kind === 'signal') {
        if (live.work?.phase === 'held')
          unit.notices.push({
            kind: 'signal',
            org: live.address.org,
            worker: live.work.worker,
            actor: live.address.id,
            attempt: live.work.attempt,
            name: effect.name,
            payload: effect.payload,
          });
      } else {
        delegated = this.#send(live, unit, message, queue, effect, position, i, recorded) || delegated;
      }
    }
    const body = encodeBody(
      {
        data: fact.data,
        commandId: envelope.id,
        principal: envelope.principal,
        correlationId: envelope.correlationId,
        causationId: envelope.causationId,
        traceparent: envelope.traceparent,
        command: first ? { verb: envelope.verb, body: envelope.body } : undefined,
        effects: recorded,
        personal: live.behavior.personal?.[fact.type],
      },
      sealer,
    );
    if (body.length > this.#parts.effectBytesMax) checkEffects(live, recorded, this.#parts.effectBytesMax, sealer);
    unit.events.push({
      seq: at,
      actor: live.address,
      actorKey: live.key,
      version: event.version,
      type: fact.type,
      schema,
      at: now,
      data: fact.data,
      commandId: envelope.id,
      correlationId: envelope.correlationId,
      causationId: envelope.causationId,
      principal: envelope.principal,
      traceparent: envelope.traceparent,
      effects: recorded,
      body,
    });
    unit.bytes += body.length;
    return delegated;
  }

  #send(
    live: Live,
    unit: Unit,
    message: Message,
    queue: Message[],
    effect: Extract<Effect, { kind: 'send' }>,
    position: Position,
    index: number,
    recorded: RecordedEffect[],
  ): boolean {
    const { registry, shards, shard } = this.#parts;
    const to = registry.shardOf(effect.to, shards);
    if (to === undefined) throw new Error(`${live.behavior.type} sends to unknown actor type ${effect.to.type}`);
    const envelope = effectEnvelope(live, message.envelope, effect, position, index);
    if (to === shard && queue.length < cascadeMessagesMax && unit.bytes < cascadeBytesMax) {
      queue.push(
        effect.delegate
          ? { envelope, answer: message.answer, standing: message.standing === 'batch' ? 'batch' : undefined }
          : { envelope, answer: undefined },
      );
      return effect.delegate === true;
    }
    if (this.#sentShared) {
      this.#sent = [...this.#sent];
      this.#sentShared = false;
    }
    const n = (this.#sent[to] ?? 0) + 1;
    this.#sent[to] = n;
    recorded.push({ to, n, envelope });
    return effect.delegate === true;
  }

  /** Keeps a message that cannot be processed as an actor of its own, in the same unit, and tells the caller. */
  park(unit: Unit, what: Parked, problem: Problem, answer?: Answerer): void | Promise<void> {
    const whole = parkedWithSubject(what, this.#parts);
    if (whole instanceof Promise) return whole.then((loaded) => this.#park(unit, loaded, problem, answer));
    return this.#park(unit, whole, problem, answer);
  }

  #park(unit: Unit, what: Parked, problem: Problem, answer?: Answerer): void | Promise<void> {
    const { shard, registry, random, cache, onParked } = this.#parts;
    const prefix = registry.ids(deadLetterType)?.prefix;
    if (prefix === undefined) throw new Error(`no behavior for ${deadLetterType}`);
    const org = 'verb' in what ? what.to.org : what.org;
    const to: Address = { org, type: deadLetterType, id: pinnedId(prefix, shard, random.bytes(14)) };
    const live = cache.fresh(to);
    onParked(to.id, problem);
    const envelope = parking(to, what, unit.source.kind, problem);
    const detail = `${problem.detail}; it is kept as dead letter ${to.id}`;
    answer?.({ ok: false, problem: { ...problem, detail } });
    const parked = this.#decideOn(live, unit, { envelope, answer: undefined }, []);
    const failed = failedBy(what, problem, to.id, registry);
    return failed ? this.#fail(parked, unit, failed) : parked;
  }

  /** An actor's behavior has failed: its supervision is told, in the same unit. */
  async #fail(parked: void | Promise<void>, unit: Unit, failed: Failed): Promise<void> {
    await parked;
    await this.decide(unit, await failureOf(this.#parts, failed));
  }

  /** Kernel time; never before the last event of the shard. */
  #now(): Micros {
    this.#at = Math.max(this.#at, this.#parts.clock.now());
    return micros(this.#at);
  }
}

/** Answers to the envelope's subject, with the unit's commit. */
function answerer(unit: Unit, { replyTo }: Envelope): Answerer | undefined {
  return replyTo === undefined ? undefined : (reply) => unit.answers.push({ replyTo, reply });
}
