import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Address } from './address.ts';
import type { Timer } from './behavior.ts';
import {
  commitRetryMinMs,
  endedFamilyMs,
  inboxCommandsMax,
  turnInputsMax,
  uncommittedBytesMax,
  uncommittedEventsMax,
  unconfirmedEffectsMax,
} from './bounds.ts';
import { shard as asShard, type Epoch, type Generation, type Seq, type Shard, seq } from './brand.ts';
import type { ChannelMessage, LaneMessage, Subscription } from './bus.ts';
import { ActorCache } from './cache.ts';
import { decodeEnvelope, encodeEnvelope, kidsOfEnvelope } from './codec.ts';
import { PoisonedInput } from './contained.ts';
import { Decider } from './decider.ts';
import type { Envelope, Reply } from './envelope.ts';
import { AstraError, type Problem } from './errors.ts';
import { EventFeed } from './event-feed.ts';
import type { Kit } from './kit.ts';
import type { Live } from './live.ts';
import type { ShardRow } from './log.ts';
import { offerOf } from './offer.ts';
import { Outgoing } from './outgoing.ts';
import { recover, recoverEffects } from './recovery.ts';
import { type Marks, type Source, sourceName, type Unit } from './unit.ts';
import { register, unregister } from './wants.ts';

/** What a shard is committed up to. */
export interface Committed extends Marks {
  readonly hash: Buffer;
  readonly flushedSeq: Seq;
}

type Input =
  | { readonly kind: 'lane'; readonly message: LaneMessage }
  | { readonly kind: 'channel'; readonly message: ChannelMessage };

/**
 * A shard that this process owns:
 *
 *   claimed → recovering → running ⇄ resetting (its memory was wrong: fold again from the log)
 *                             └────→ stopped (fenced, released, or a defect)
 *
 * Inputs come from the lane, from channels (its own too, after a cut) and from this process (timers, verdicts, offers);
 * one at a time is decided, and the units wait for the writer. Their order in the log is the order of deciding.
 */
export class ShardRuntime {
  readonly shard: Shard;
  epoch: Epoch;
  committed: Committed;
  readonly outgoing: Outgoing;
  feed: EventFeed;
  readonly #kit: Kit;
  #cache: ActorCache;
  #decider: Decider;
  #units: Unit[] = [];
  #unitEvents = 0;
  #unitBytes = 0;
  #inFlight = 0;
  #inbox: Input[] = [];
  #inboxHead = 0;
  #inboxCommands = 0;
  #locals: Envelope[] = [];
  #self: { n: number; envelope: Envelope }[] = [];
  #running = false;
  #state: 'recovering' | 'running' | 'resetting' | 'stopped' = 'recovering';
  #subscriptions: Subscription[] = [];
  /** Inputs that are parked instead of decided. */
  readonly #poisoned = new Map<string, Problem>();
  #roomWaiters: (() => void)[] = [];
  #quietWaiters: (() => void)[] = [];
  #localCounter = 0;
  /** CHAN sequences consumed, for purging: what is committed lags behind what is decided. */
  #channelSequence = 0;
  #purged = { lane: 0, channel: 0 };

  constructor(row: ShardRow, kit: Kit) {
    this.shard = row.shard;
    this.epoch = row.epoch;
    this.committed = {
      seq: row.seq,
      at: row.at,
      lane: row.lane,
      sent: row.sent,
      got: row.got,
      hash: row.hash,
      flushedSeq: row.flushedSeq,
    };
    this.#kit = kit;
    this.outgoing = new Outgoing(row.shard, kit.bus, kit.log, kit.clock);
    this.#cache = new ActorCache(row.shard, kit.log, kit.registry);
    this.#decider = this.#newDecider();
    this.feed = this.#newFeed(row.evtSeq);
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /** How many events wait for a commit; for metrics. */
  get uncommitted(): number {
    return this.#unitEvents;
  }

  get inbox(): number {
    return this.#inboxCommands;
  }

  get actors(): number {
    return this.#cache.size;
  }

  #newDecider(): Decider {
    const { shards, registry, clock, random, wheel, board, log, idempotencyDays, serving, onParked } = this.#kit;
    return new Decider(
      {
        shard: this.shard,
        shards,
        registry,
        cache: this.#cache,
        clock,
        random,
        wheel,
        board,
        log,
        idempotencyDays,
        serving,
        fire: (live, timer) => this.#fire(live, timer),
        onParked: (id, problem) => onParked(this.shard, id, problem),
      },
      this.committed,
    );
  }

  #newFeed(published: Seq): EventFeed {
    const { bus, log, clock, registry, generation, eventsFor } = this.#kit;
    const cache = this.#cache;
    return new EventFeed(
      {
        shard: this.shard,
        bus,
        log,
        clock,
        registry,
        keys: cache.key,
        learnKeys: (events) => cache.learnKeys(events),
        generation,
        wanted: eventsFor,
      },
      published,
      this.committed.seq,
    );
  }

  /** Folds what is open, numbers what is unconfirmed, and opens the inputs. `confirmed` tells how far a receiver came. */
  async start(row: Pick<ShardRow, 'unconfirmedSeq'>, confirmed: (to: Shard) => number): Promise<void> {
    await this.#recover();
    const own = await recoverEffects(
      { shard: this.shard, unconfirmedSeq: row.unconfirmedSeq, seq: this.committed.seq, got: this.committed.got },
      confirmed,
      this.#kit.log,
      this.outgoing,
    );
    await this.#cache.learnKids(own.flatMap(({ bytes }) => [...kidsOfEnvelope(bytes)]));
    this.#self = own.map(({ n, bytes }) => ({ n, envelope: decodeEnvelope(bytes, this.#cache.key) }));
    this.#state = 'running';
    await this.#open();
    this.feed.start();
    void this.outgoing.look(true).catch(() => {});
    this.#turn();
  }

  async #recover(): Promise<void> {
    const { log, registry, clock, wheel, board } = this.#kit;
    await recover(
      { shard: this.shard, flushedSeq: this.committed.flushedSeq, seq: this.committed.seq },
      log,
      this.#cache,
      registry,
      clock.monotonicMs(),
    );
    const fire = (live: Live, timer: Timer): void => this.#fire(live, timer);
    const now = () => clock.now();
    for (const head of this.#cache.heads()) {
      register(head, wheel, board, fire, now);
      for (const member of head.members?.values() ?? []) register(member, wheel, board, fire, now);
    }
    this.offerAgain();
  }

  async #open(): Promise<void> {
    const { bus } = this.#kit;
    const lane = await bus.openLane(this.shard, this.committed.lane, (message) =>
      this.#take({ kind: 'lane', message }, message.entries.length),
    );
    this.#subscriptions.push(lane);
    this.#subscriptions.push(
      await bus.openChannels(this.shard, (message) => this.#take({ kind: 'channel', message }, 1)),
    );
  }

  async #close(): Promise<void> {
    const open = this.#subscriptions;
    this.#subscriptions = [];
    this.#dropInputs();
    await Promise.all(open.map((subscription) => subscription.stop().catch(() => {})));
    this.#dropInputs();
  }

  #dropInputs(): void {
    this.#inbox = [];
    this.#inboxHead = 0;
    this.#inboxCommands = 0;
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  /** Puts an input into the inbox; the promise holds the lane back while it is full. */
  #take(input: Input, commands: number): void | Promise<void> {
    if (this.#state !== 'running') return;
    this.#inbox.push(input);
    this.#inboxCommands += commands;
    this.#turn();
    if (this.#inboxCommands < inboxCommandsMax) return;
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** A command of this process: it has no lane position, is lost with the process and is derived again. */
  local(to: Address, verb: string, body: Envelope['body']): void {
    if (this.#state !== 'running') return;
    const id = `${this.#kit.owner}:${this.shard}:${++this.#localCounter}`;
    this.#locals.push({ to, verb, id, body, principal: 'kernel', correlationId: id, hops: 0 });
    this.#turn();
  }

  /** A whole command of this process, with its answer: the forwarder's refusals become dead letters this way. */
  localEnvelope(envelope: Envelope): void {
    if (this.#state !== 'running') return;
    this.#locals.push(envelope);
    this.#turn();
  }

  #fire(live: Live, timer: Timer): void {
    this.local(live.address, 'timer', { name: timer.name, generation: timer.generation });
  }

  /** The actor, when its family is in memory. */
  find(address: Address): Live | undefined {
    return this.#cache.find(address);
  }

  /** Sends WORK again for every attempt that is offered: it may have been lost with the bus or with the last owner. */
  offerAgain(): void {
    for (const head of this.#cache.heads())
      for (const live of [head, ...(head.members?.values() ?? [])]) {
        const offer = offerOf(live);
        if (offer) this.#kit.offerAgain(this, offer);
      }
  }

  get #full(): boolean {
    return (
      this.#unitEvents >= uncommittedEventsMax ||
      this.#unitBytes >= uncommittedBytesMax ||
      this.outgoing.size >= unconfirmedEffectsMax
    );
  }

  get #hasInput(): boolean {
    return this.#self.length > 0 || this.#locals.length > 0 || this.#inboxHead < this.#inbox.length;
  }

  #turn(): void {
    if (this.#running || this.#state !== 'running') return;
    this.#running = true;
    void this.#turns();
  }

  async #turns(): Promise<void> {
    let source: Source | undefined;
    try {
      while (this.#state === 'running' && this.#hasInput && !this.#full) {
        await this.#prefetch();
        for (let i = 0; i < turnInputsMax && this.#state === 'running' && this.#hasInput && !this.#full; i++) {
          const unit = this.#next();
          if (!unit) continue;
          source = unit.unit.source;
          const decided = unit.run();
          if (decided) await decided;
          this.#finish(unit.unit);
        }
        if (this.#hasInput) await nextTurn();
      }
    } catch (error) {
      if (this.#state === 'running') void this.#reset(source, error);
    } finally {
      this.#running = false;
    }
    if (this.#state === 'running' && this.#hasInput && !this.#full) this.#turn();
    for (const resolve of this.#quietWaiters.splice(0)) resolve();
  }

  #finish(unit: Unit): void {
    this.#decider.end(unit);
    for (const { effects } of unit.events)
      for (const { to, n, envelope } of effects) if (to === this.shard) this.#self.push({ n, envelope });
    this.#units.push(unit);
    this.#unitEvents += unit.events.length;
    this.#unitBytes += unit.bytes;
    this.#kit.poke(this);
  }

  /** Loads the cold actors of the window ahead in one round trip. */
  #prefetch(): void | Promise<void> {
    const cold: Address[] = [];
    const want = (to: Address): void => {
      try {
        if (!this.#cache.find(to) && this.#kit.registry.shardOf(to, this.#kit.shards) === this.shard) cold.push(to);
      } catch {
        // A malformed id is refused when its turn comes.
      }
    };
    for (const { envelope } of this.#self.slice(0, turnInputsMax)) want(envelope.to);
    for (const envelope of this.#locals.slice(0, turnInputsMax)) want(envelope.to);
    const end = Math.min(this.#inbox.length, this.#inboxHead + turnInputsMax);
    for (let i = this.#inboxHead; i < end; i++) {
      const input = this.#inbox[i] as Input;
      if (input.kind === 'lane') {
        for (const entry of input.message.entries) if (entry.ok) want(entry.envelope.to);
      } else if (input.message.n === this.#decider.got(input.message.from) + 1) {
        want(decodeEnvelope(input.message.envelope).to);
      }
    }
    if (cold.length > 0) return this.#cache.load(cold, this.#kit.clock.monotonicMs());
  }

  /** The next input as a unit to run; undefined when there was nothing to decide (a channel message seen before). */
  #next(): { unit: Unit; run: () => void | Promise<void> } | undefined {
    const own = this.#self.shift();
    if (own) return this.#unitOf({ kind: 'channel', from: this.shard, n: own.n }, own.envelope);
    const local = this.#locals.shift();
    if (local) return this.#unitOf({ kind: 'local', id: local.id }, local);
    const input = this.#inbox[this.#inboxHead] as Input;
    this.#inbox[this.#inboxHead++] = undefined as unknown as Input;
    if (this.#inboxHead === this.#inbox.length || this.#inboxHead > 4096) {
      this.#inbox = this.#inbox.slice(this.#inboxHead);
      this.#inboxHead = 0;
    }
    this.#inboxCommands -= input.kind === 'lane' ? input.message.entries.length : 1;
    if (this.#inboxCommands < inboxCommandsMax / 2) for (const resolve of this.#roomWaiters.splice(0)) resolve();
    if (input.kind === 'lane') return this.#laneUnit(input.message);
    const { from, n, envelope, sequence } = input.message;
    this.#channelSequence = Math.max(this.#channelSequence, sequence);
    // I4: exactly the next one of its channel; what came before is dropped, and what is missing comes again.
    if (n !== this.#decider.got(from) + 1 || from === this.shard) return undefined;
    const source: Source = { kind: 'channel', from, n };
    const kids = kidsOfEnvelope(envelope).filter((kid) => !this.#cache.key(kid));
    if (kids.length === 0) return this.#unitOf(source, decodeEnvelope(envelope, this.#cache.key));
    const unit = this.#decider.begin(source);
    return {
      unit,
      run: async () => {
        await this.#cache.learnKids(kids);
        await this.#decideOrPark(unit, decodeEnvelope(envelope, this.#cache.key));
      },
    };
  }

  #unitOf(source: Source, envelope: Envelope): { unit: Unit; run: () => void | Promise<void> } {
    const unit = this.#decider.begin(source);
    return { unit, run: () => this.#decideOrPark(unit, envelope) };
  }

  #decideOrPark(unit: Unit, envelope: Envelope): void | Promise<void> {
    const problem = this.#poisoned.get(sourceName(unit.source));
    if (!problem) return this.#decider.decide(unit, envelope);
    const { replyTo } = envelope;
    return this.#decider.park(
      unit,
      envelope,
      problem,
      replyTo === undefined ? undefined : (reply) => unit.answers.push({ replyTo, reply }),
    );
  }

  #laneUnit(message: LaneMessage): { unit: Unit; run: () => void | Promise<void> } {
    const unit = this.#decider.begin({ kind: 'lane', position: message.position });
    const single = message.entries[0];
    if (message.entries.length === 1 && single?.ok && message.replyTo === undefined)
      return { unit, run: () => this.#decideOrPark(unit, single.envelope) };
    return { unit, run: () => this.#laneEntries(unit, message) };
  }

  /** The entries of a batch: each is decided, refused or parked alone; they are answered together. */
  async #laneEntries(unit: Unit, message: LaneMessage): Promise<void> {
    const replies: (Reply | undefined)[] = message.entries.map(() => undefined);
    const problem = this.#poisoned.get(sourceName(unit.source));
    for (let i = 0; i < message.entries.length; i++) {
      const entry = message.entries[i];
      const answer = (reply: Reply): void => {
        replies[i] = reply;
      };
      if (!entry?.ok) {
        if (entry)
          await this.#decider.park(
            unit,
            { org: entry.org, payload: entry.payload },
            { kind: 'rejected', code: 'invalid_input', detail: entry.reason },
            answer,
          );
      } else if (problem) await this.#decider.park(unit, entry.envelope, problem, answer);
      else {
        const own = entry.envelope.replyTo;
        const decided = this.#decider.decide(
          unit,
          entry.envelope,
          message.replyTo === undefined && own !== undefined
            ? (reply) => unit.answers.push({ replyTo: own, reply })
            : answer,
        );
        if (decided) await decided;
      }
    }
    if (message.replyTo !== undefined)
      unit.answers.push({
        replyTo: message.replyTo,
        reply: replies.map((reply) => reply ?? { ok: false, problem: unanswered }),
      });
  }

  // — What the writer asks —

  get hasUnits(): boolean {
    return this.#units.length > this.#inFlight;
  }

  /** The oldest units, within what is left of a batch: always at least one. They stay here until they have landed. */
  offerUnits(eventsMax: number, bytesMax: number): readonly Unit[] {
    let events = 0;
    let bytes = 0;
    let count = 0;
    for (const unit of this.#units) {
      events += unit.events.length;
      bytes += unit.bytes;
      if (count > 0 && (events > eventsMax || bytes > bytesMax)) break;
      count++;
    }
    this.#inFlight = count;
    return this.#units.slice(0, count);
  }

  /** These units (the oldest) are durable. */
  landed(units: readonly Unit[], hash: Buffer): void {
    for (const unit of units) {
      this.#unitEvents -= unit.events.length;
      this.#unitBytes -= unit.bytes;
    }
    this.#units.splice(0, units.length);
    this.#inFlight = Math.max(0, this.#inFlight - units.length);
    const last = (units.at(-1) as Unit).marks;
    this.committed = { ...last, hash, flushedSeq: this.committed.flushedSeq };
    this.#turn();
    if (this.#units.length === 0) for (const resolve of this.#quietWaiters.splice(0)) resolve();
  }

  /** Whether this unit still waits for its commit. */
  holds(unit: Unit): boolean {
    return this.#units.includes(unit);
  }

  /** A unit was refused by the store: its input will be parked. What was decided after it was decided on a state that never was. */
  refused(unit: Unit, problem: Problem): void {
    this.#poisoned.set(sourceName(unit.source), problem);
    const dropped = this.#units.splice(this.#units.indexOf(unit));
    for (const { events, bytes } of dropped) {
      this.#unitEvents -= events.length;
      this.#unitBytes -= bytes;
    }
    this.#inFlight = Math.min(this.#inFlight, this.#units.length);
    for (const resolve of this.#quietWaiters.splice(0)) resolve();
    void this.#reset(undefined, new AstraError(problem.kind, problem.code, problem.detail));
  }

  /** Another owner has it, or it must not go on. Nothing of what was not committed is released (I2). */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#forget();
    this.feed.stop();
    await this.#close();
    for (const resolve of this.#quietWaiters.splice(0)) resolve();
  }

  /** Stops taking inputs, and waits until everything decided is committed. */
  async quiesce(): Promise<void> {
    await this.#close();
    while (
      this.#state === 'running' &&
      (this.#units.length > 0 || this.#running || this.#locals.length > 0 || this.#self.length > 0)
    )
      await new Promise<void>((resolve) => this.#quietWaiters.push(resolve));
  }

  /** The bus forgot: the lane goes on at the beginning of its next generation. */
  async restartLane(generation: Generation): Promise<void> {
    await this.quiesce();
    if (this.#state !== 'running') return;
    const lane = { generation, sequence: 0, time: '0' };
    this.committed = { ...this.committed, lane };
    this.#decider.restartLane(lane);
    this.#purged = { lane: 0, channel: 0 };
    this.#channelSequence = 0;
    await this.#open();
    this.offerAgain();
    void this.outgoing.look(true).catch(() => {});
    this.#turn();
  }

  #forget(): void {
    const { wheel, board } = this.#kit;
    for (const head of this.#cache.heads()) unregister(head, wheel, board);
    this.#units = [];
    this.#inFlight = 0;
    this.#unitEvents = 0;
    this.#unitBytes = 0;
    this.#locals = [];
    this.#self = [];
  }

  /**
   * What is in memory may be wrong (a behavior failed half way, a load failed, the store refused a unit): forget it,
   * fold again from the log, and read the inputs again. The input that was the cause is parked when it comes again.
   */
  async #reset(source: Source | undefined, error: unknown): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'resetting';
    if (source && !(error instanceof AstraError)) this.#poison(source, error);
    this.#kit.onReset(this.shard, error);
    await this.#close();
    // What was decided before the fault is right, and may be in a commit under way: let it land.
    await this.#drain();
    this.#forget();
    for (;;) {
      if (this.stopped) return;
      try {
        await this.#kit.settled(this);
        this.#cache = new ActorCache(this.shard, this.#kit.log, this.#kit.registry);
        this.feed.stop();
        this.feed = this.#newFeed(this.feed.published);
        this.#decider = this.#newDecider();
        await this.#recover();
        const own = await recoverEffects(
          {
            shard: this.shard,
            unconfirmedSeq: this.outgoing.least(seq(this.committed.seq + 1)),
            seq: this.committed.seq,
            got: this.committed.got,
          },
          () => Number.POSITIVE_INFINITY,
          this.#kit.log,
          this.outgoing,
        );
        this.#self = own.map(({ n, bytes }) => ({ n, envelope: decodeEnvelope(bytes, this.#cache.key) }));
        this.#state = 'running';
        await this.#open();
        this.feed.start();
        this.#turn();
        return;
      } catch (cause) {
        if (this.stopped) return;
        this.#state = 'resetting';
        this.#forget();
        this.#kit.onReset(this.shard, cause);
        await new Promise<void>((resolve) => this.#kit.clock.after(commitRetryMinMs, resolve));
      }
    }
  }

  /** An input that fails even when it is to be parked is a defect of the kernel itself. */
  #poison(source: Source, error: unknown): void {
    const name = sourceName(source);
    if (this.#poisoned.has(name)) this.#kit.onDefect(error);
    const problem: Problem =
      error instanceof PoisonedInput
        ? error.problem
        : { kind: 'contained', code: 'internal', detail: error instanceof Error ? error.message : String(error) };
    this.#poisoned.set(name, problem);
  }

  /** Waits until the units decided so far are committed. */
  async #drain(): Promise<void> {
    while (!this.stopped && this.#units.length > 0) {
      this.#kit.poke(this);
      await new Promise<void>((resolve) => this.#quietWaiters.push(resolve));
    }
  }

  // — Housekeeping, every second —

  /** Idle actors leave memory; what no recovery has to look at any more moves `flushedSeq` on. */
  sweep(): void {
    if (this.#state !== 'running') return;
    const { wheel, board, clock } = this.#kit;
    for (const head of this.#cache.evictable(this.committed.seq, clock.monotonicMs(), endedFamilyMs)) {
      unregister(head, wheel, board);
      this.#cache.forget(head);
    }
    let least = this.committed.seq + 1;
    for (const head of this.#cache.heads())
      if (!head.idle && head.firstSeq > 0 && head.firstSeq < least) least = head.firstSeq;
    if (least - 1 > this.committed.flushedSeq) this.committed = { ...this.committed, flushedSeq: seq(least - 1) };
  }

  /** What lane and channels hold and nobody needs any more. */
  purge(): void {
    const lane = this.committed.lane.sequence;
    const channel = this.#units.length === 0 ? this.#channelSequence : this.#purged.channel;
    if (this.#state !== 'running' || (lane === this.#purged.lane && channel === this.#purged.channel)) return;
    this.#purged = { lane, channel };
    this.#kit.bus.purge(this.shard, lane, channel).catch(() => {});
  }

  /** Channel messages as they are first sent. */
  sendEffects(units: readonly Unit[]): void {
    for (const { events } of units)
      for (const event of events)
        for (const { to, n, envelope } of event.effects) {
          if (to === this.shard) continue;
          this.outgoing.add(asShard(to), n, event.seq);
          const { subject } = envelope;
          const key = subject === undefined ? undefined : this.#cache.subjectKey(envelope.to.org, subject);
          // Never in the clear: what cannot be sealed here is sent as it is stored, with the next resending.
          if (subject !== undefined && !key) continue;
          this.outgoing.send(
            asShard(to),
            n,
            encodeEnvelope(envelope, key ? { key, nonce: () => this.#kit.random.bytes(12) } : undefined),
          );
        }
  }
}

const unanswered: Problem = {
  kind: 'indeterminate',
  code: 'outcome_unknown',
  detail: 'the entry was handed on and is answered elsewhere',
};
