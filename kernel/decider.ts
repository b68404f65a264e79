import { type Address, memberKey } from './address.ts';
import type { Decision, Effect, Fact, Stamped, Timer, WorkRoute } from './behavior.ts';
import { cascadeBytesMax, cascadeMessagesMax, hopsMax, recentCommandsMax } from './bounds.ts';
import { type Micros, micros, type Position, plusMs, positionOf, type Shard, seq } from './brand.ts';
import type { ActorCache } from './cache.ts';
import type { Clock } from './clock.ts';
import { encodeBody, type Sealer } from './codec.ts';
import { decideContext, pinnedId } from './decide-context.ts';
import type { Envelope, Json, Reply } from './envelope.ts';
import { AstraError, type Problem } from './errors.ts';
import type { RecordedEffect } from './event.ts';
import type { Live } from './live.ts';
import type { Log, RememberedCommand } from './log.ts';
import type { Random } from './random.ts';
import type { Registry } from './registry.ts';
import type { TimerWheel } from './timers.ts';
import type { Marks, Source, Unit } from './unit.ts';
import { register, type WorkBoard } from './wants.ts';

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
  /** A timer came due. */
  readonly fire: (live: Live, timer: Timer) => void;
  /** Told of every parked message. */
  readonly onParked: (id: string, problem: Problem) => void;
}

/** Thrown when a behavior failed where its state may be half changed: the shard forgets what it has in memory, and parks that input. */
export class PoisonedInput extends Error {
  readonly problem: Problem;
  constructor(problem: Problem, cause: unknown) {
    super(problem.detail, { cause });
    this.name = 'PoisonedInput';
    this.problem = problem;
  }
}

/** The type of the actors that keep what could not be processed. */
export const deadLetterType = 'dead-letter';

type Answerer = (reply: Reply) => void;

interface Message {
  readonly envelope: Envelope;
  readonly answer: Answerer | undefined;
}

/**
 * Decides the inputs of one shard, strictly in order, against its state in memory (architecture.md, section 4, "A shard
 * is one transaction domain"). What an input causes within the shard runs at once, in the same unit, breadth first.
 * Nothing it does is visible outside before the unit's commit.
 */
export class Decider {
  readonly #parts: DeciderParts;
  readonly #recent = new Map<string, RememberedCommand>();
  #seq: number;
  #at: number;
  #lane: Marks['lane'];
  #sent: number[];
  #got: number[];
  #sentShared = true;
  #gotShared = true;
  readonly #touched = new Set<Live>();
  /** Of these, those whose worker spoke itself: it need not be told that the attempt has ended. */
  readonly #byHolder = new Set<Live>();

  constructor(parts: DeciderParts, marks: Marks) {
    this.#parts = parts;
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
    return {
      source,
      events: [],
      bytes: 0,
      answers: [],
      forwards: [],
      commands: [],
      offers: [],
      notices: [],
      marks: undefined as unknown as Marks,
    };
  }

  end(unit: Unit): Unit {
    unit.marks = this.marks();
    return unit;
  }

  /** Decides one command and all it causes here. Replies go to `answer`, or by default to the envelope's subject. */
  async decide(unit: Unit, envelope: Envelope, answer?: Answerer): Promise<void> {
    const queue: Message[] = [{ envelope, answer: answer ?? this.#answerer(unit, envelope) }];
    for (let i = 0; i < queue.length; i++) {
      const message = queue[i] as Message;
      const ready = this.#one(unit, message, queue);
      if (ready) await ready;
    }
    this.#settle(unit);
  }

  #answerer(unit: Unit, envelope: Envelope): Answerer | undefined {
    const { replyTo } = envelope;
    return replyTo === undefined ? undefined : (reply) => unit.answers.push({ replyTo, reply });
  }

  /** One message. Returns a promise only when something has to be fetched first. */
  #one(unit: Unit, message: Message, queue: Message[]): void | Promise<void> {
    const { envelope } = message;
    const problem = this.#inadmissible(envelope);
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
    if (!cache.find(envelope.to)) await cache.load([envelope.to], clock.monotonicMs());
    if (envelope.keyed === 'command')
      for (const found of await log.findCommands(shard, [envelope.id])) this.#remember(found);
    await this.#decideOn(cache.find(envelope.to) as Live, unit, message, queue);
  }

  #inadmissible(envelope: Envelope): Problem | undefined {
    const { registry, shards, shard } = this.#parts;
    let home: Shard | undefined;
    try {
      home = registry.shardOf(envelope.to, shards);
    } catch {
      home = undefined;
    }
    if (home === undefined)
      return { kind: 'rejected', code: 'not_found', detail: `there is no ${envelope.to.type} ${envelope.to.id}` };
    if (home !== shard)
      return {
        kind: 'rejected',
        code: 'wrong_shard',
        detail: `expected ${envelope.to.type} ${envelope.to.id} on the lane of shard ${home}, found it on that of ${shard}`,
      };
    if (envelope.deadline !== undefined && this.#parts.clock.now() > envelope.deadline)
      return {
        kind: 'cancelled',
        code: 'deadline_exceeded',
        detail: 'the command was read after its deadline: nothing was done',
      };
    return undefined;
  }

  #decideOn(live: Live, unit: Unit, message: Message, queue: Message[]): void | Promise<void> {
    const { envelope, answer } = message;
    if (envelope.keyed === 'command') {
      const done = this.#recent.get(envelope.id);
      if (done) return answer?.(this.#repeated(done, envelope));
    }
    const now = this.#now();
    let decision: Decision<Fact>;
    try {
      decision = live.behavior.decide(
        live.state,
        envelope.verb,
        envelope.body,
        decideContext(live, envelope, now, this.#parts.shard, this.#parts.serving),
      );
    } catch (error) {
      if (live.behavior.type === deadLetterType) throw error;
      return this.park(unit, envelope, contained(live, envelope, error), answer);
    }
    const position = positionOf(this.#parts.shard, seq(this.#seq + 1));
    switch (decision.kind) {
      case 'refused':
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
        const subjectKey = this.#sealer(live, envelope);
        if (subjectKey instanceof Promise)
          return subjectKey.then((sealer) => this.#apply(live, unit, message, queue, decision, now, sealer, position));
        return this.#apply(live, unit, message, queue, decision, now, subjectKey, position);
      }
    }
  }

  /** Who seals what this decision records: the key of the command's subject (what it brings is theirs), or of the actor's. */
  #sealer(live: Live, envelope: Envelope): Sealer | undefined | Promise<Sealer> {
    const subject = envelope.subject ?? live.subject;
    if (subject === undefined) return undefined;
    const { cache, random } = this.#parts;
    const { org } = live.address;
    const nonce = (): Uint8Array => random.bytes(12);
    const known = cache.subjectKey(org, subject);
    // What the actor says itself goes out under its own subject: that key is needed too.
    const own = live.subject ?? subject;
    if (known && cache.subjectKey(org, own)) return { key: known, nonce };
    return Promise.all([cache.learnSubject(org, subject), cache.learnSubject(org, own)]).then(([key]) => ({
      key,
      nonce,
    }));
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
    let delegated = false;
    let first = true;
    for (const fact of decision.events) {
      delegated = this.#record(live, unit, message, queue, fact, now, sealer, first) || delegated;
      first = false;
    }
    this.#touched.add(live);
    if (envelope.principal.startsWith('worker:')) this.#byHolder.add(live);
    if (live.head) this.#touched.add(live.head);
    // A refusal is decided anew when it is asked again; who answers in this one's place remembers in its place.
    if (envelope.keyed === 'command' && !delegated && !decision.problem) {
      const done: RememberedCommand = {
        commandId: envelope.id,
        fingerprint: envelope.fingerprint ?? '',
        actor: live.address,
        seq: seq(first ? this.#seq : this.#seq - decision.events.length + 1),
        expiresAt: plusMs(now, this.#parts.idempotencyDays * 86_400_000),
      };
      this.#remember(done);
      unit.commands.push(done);
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
    const cause = message.envelope;
    const { registry, shards, shard } = this.#parts;
    const to = registry.shardOf(effect.to, shards);
    if (to === undefined) throw new Error(`${live.behavior.type} sends to unknown actor type ${effect.to.type}`);
    const { as } = effect;
    // What is carried on is the caller's; what an actor says itself is its own.
    const subject =
      as?.subject ?? (effect.delegate ? (cause.subject ?? live.subject) : (live.subject ?? cause.subject));
    // I3: a keyed command that is carried on is remembered where it is answered.
    const keyed = as ?? (effect.delegate && cause.keyed !== undefined ? cause : undefined);
    const envelope: Envelope = {
      to: effect.to,
      verb: effect.verb,
      id: as?.id ?? (effect.delegate && cause.keyed === 'command' ? cause.id : `${position}:${index}`),
      body: effect.body,
      principal: effect.delegate ? cause.principal : `actor:${live.address.type}/${live.address.id}`,
      correlationId: cause.correlationId,
      causationId: position,
      hops: cause.hops + 1,
      ...(cause.traceparent === undefined ? null : { traceparent: cause.traceparent }),
      ...(subject === undefined ? null : { subject }),
      ...(effect.delegate && cause.replyTo !== undefined ? { replyTo: cause.replyTo } : null),
      ...(keyed?.keyed === undefined ? null : { keyed: keyed.keyed }),
      ...(keyed?.fingerprint === undefined ? null : { fingerprint: keyed.fingerprint }),
    };
    if (to === shard && queue.length < cascadeMessagesMax && unit.bytes < cascadeBytesMax) {
      queue.push({ envelope, answer: effect.delegate ? message.answer : undefined });
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
  park(
    unit: Unit,
    what: Envelope | { org: string; payload: Uint8Array },
    problem: Problem,
    answer?: Answerer,
  ): void | Promise<void> {
    const { shard, registry, random, cache, onParked } = this.#parts;
    const prefix = registry.ids(deadLetterType)?.prefix;
    if (prefix === undefined) throw new Error(`no behavior for ${deadLetterType}`);
    const readable = 'verb' in what;
    const org = readable ? what.to.org : what.org;
    const to: Address = { org, type: deadLetterType, id: pinnedId(prefix, shard, random.bytes(14)) };
    const live = cache.fresh(to);
    onParked(to.id, problem);
    const source = unit.source.kind;
    const origin = readable ? { source, actor: `${what.to.type}/${what.to.id}`, verb: what.verb } : { source };
    const envelope: Envelope = {
      to,
      verb: 'park',
      id: `park:${to.id}`,
      body: {
        origin,
        error: problem as unknown as Json,
        count: 1,
        ...(readable
          ? { envelope: what as unknown as Json }
          : { payload: Buffer.from(what.payload).toString('base64') }),
      },
      principal: 'kernel',
      correlationId: readable ? what.correlationId : to.id,
      hops: 0,
      ...(readable && what.subject !== undefined ? { subject: what.subject } : null),
    };
    answer?.({
      ok: false,
      problem: { ...problem, detail: `${problem.detail}; it is kept as dead letter ${to.id}` },
    });
    return this.#decideOn(live, unit, { envelope, answer: undefined }, []);
  }

  /** What this unit's actors want now: timers, offers, and stops for work that was taken away. */
  #settle(unit: Unit): void {
    const { wheel, board, fire, clock } = this.#parts;
    for (const live of this.#touched) {
      const { changed, before } = register(live, wheel, board, fire, () => clock.now());
      if (!changed) continue;
      const work = live.work;
      if (work?.phase === 'offered')
        unit.offers.push({
          actor: live.address,
          route: work.route,
          priority: work.priority,
          since: work.since,
          attempt: work.attempt,
          payload: live.behavior.attempt?.(live.state, live.address, live.head?.state) ?? null,
        });
      if (before?.phase === 'held' && !this.#byHolder.has(live))
        unit.notices.push({
          kind: 'stop',
          org: live.address.org,
          worker: before.worker,
          actor: live.address.id,
          attempt: before.attempt,
          reason: 'ended',
        });
    }
    this.#touched.clear();
    this.#byHolder.clear();
  }

  #repeated(done: RememberedCommand, envelope: Envelope): Reply {
    if (done.fingerprint !== (envelope.fingerprint ?? ''))
      return {
        ok: false,
        problem: {
          kind: 'rejected',
          code: 'idempotency_key_reused',
          detail: 'this idempotency key was used for another request: use a new key, or repeat the same request',
        },
      };
    return { ok: true, position: positionOf(this.#parts.shard, done.seq), id: done.actor.id, replayed: true };
  }

  #remember(done: RememberedCommand): void {
    if (this.#recent.size >= recentCommandsMax) this.#recent.delete(this.#recent.keys().next().value as string);
    this.#recent.set(done.commandId, done);
  }

  /** Kernel time; never before the last event of the shard. */
  #now(): Micros {
    const now = this.#parts.clock.now();
    if (now > this.#at) this.#at = now;
    return micros(this.#at);
  }
}

function contained(live: Live, envelope: Envelope, error: unknown): Problem {
  if (error instanceof AstraError) return error.toProblem();
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'contained',
    code: 'internal',
    detail: `${live.behavior.type} failed on ${envelope.verb}: ${message}`,
  };
}
