import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Address } from './address.ts';
import { Backlog } from './backlog.ts';
import type { Timer } from './behavior.ts';
import { commitRetryMaxMs, commitRetryMinMs, turnInputsMax, unconfirmedEffectsMax } from './bounds.ts';
import { shard as asShard, type Epoch, type Shard, seq } from './brand.ts';
import { Careful } from './careful.ts';
import { encodeEnvelope } from './codec.ts';
import { isPassing, problemOf } from './contained.ts';
import type { Envelope } from './envelope.ts';
import { AstraError, type Problem } from './errors.ts';
import type { EventFeed } from './event-feed.ts';
import { InputUnits } from './input-units.ts';
import { Intake } from './intake.ts';
import type { Kit } from './kit.ts';
import type { Live } from './live.ts';
import type { Probation, ShardRow } from './log.ts';
import { Outgoing } from './outgoing.ts';
import { Poisoned } from './poisoned.ts';
import { type UnconfirmedEffect, unconfirmedEffects } from './recovery.ts';
import { entriesOf, type Input, ShardInputs } from './shard-inputs.ts';
import { ShardMemory } from './shard-memory.ts';
import { type Committed, committedOf, emptyUnit, type Source, sourceName, type Unit } from './unit.ts';

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
  readonly #kit: Kit;
  readonly #intake: Intake;
  readonly #inputs: ShardInputs;
  readonly #memory: ShardMemory;
  readonly #making: InputUnits;
  readonly #backlog = new Backlog();
  readonly #poisoned = new Poisoned();
  readonly careful: Careful;
  #state: 'recovering' | 'running' | 'resetting' | 'stopped' = 'recovering';
  #turning = false;
  /** It is to be given back: nothing is opened again, and nothing more is decided. */
  #ending = false;
  #reopening: Promise<void> | undefined;
  #waiters: (() => void)[] = [];
  #localCounter = 0;
  /** Places in stream CHAN: what was taken from there, and what of it is durable. */
  #channelSequence = { taken: 0, landed: 0 };
  #purged = { lane: 0, channel: 0 };

  constructor(row: ShardRow, kit: Kit) {
    this.shard = row.shard;
    this.epoch = row.epoch;
    this.committed = committedOf(row);
    this.#kit = kit;
    const mailboxes = () => this.#memory.cache.mailboxes;
    this.#intake = new Intake({ ...kit, shard: row.shard, mailboxes, arrived: () => this.#turn() });
    this.#inputs = new ShardInputs(this.#intake, mailboxes, kit.clock);
    this.outgoing = new Outgoing(row.shard, kit.bus, kit.log, kit.clock);
    const fire = (live: Live, timer: Timer): void => this.#fire(live, timer);
    const failed = (error: unknown): void => this.#failed(error);
    this.#memory = new ShardMemory({ shard: row.shard, kit, owned: this, fire, failed }, this.committed, row.evtSeq);
    this.careful = new Careful(row.probation, { ...kit, poisoned: this.#poisoned, note: (...of) => this.#note(...of) });
    this.#making = new InputUnits(row.shard, this.#memory, this.#poisoned, this.careful);
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  get feed(): EventFeed {
    return this.#memory.feed;
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /** Whether it hears its lane and its channels, or is not to hear them any more. */
  get isOpen(): boolean {
    return this.#ending || this.#intake.isOpen;
  }

  // — Beginning, again and again where it has to —

  /** Folds what is open, numbers what is unconfirmed, and opens the inputs; tried until it is done or stopped. `confirmed` tells how far its receivers came. */
  async start(row: Pick<ShardRow, 'unconfirmedSeq'>, confirmed: () => Promise<(to: Shard) => number>): Promise<void> {
    let effects: readonly UnconfirmedEffect[] | undefined;
    await this.#begin(async () => {
      await this.#fold();
      if (!effects) {
        const { unconfirmedSeq } = row;
        const from = { ...this.committed, unconfirmedSeq, shard: this.shard };
        effects = await unconfirmedEffects(from, await confirmed(), this.#kit.log);
        for (const { to, n, at } of effects) this.outgoing.add(to, n, at);
      }
      this.#resume(effects);
    });
    this.#resend();
  }

  /** Tries to make memory what the log says, and goes on from there. */
  async #begin(fold: () => Promise<void>): Promise<void> {
    for (let wait = commitRetryMinMs; !this.stopped; wait = Math.min(wait * 2, commitRetryMaxMs)) {
      try {
        await fold();
        if (this.stopped) return this.#forget();
        this.#state = 'running';
        this.feed.start();
        this.#turn();
        this.#wake();
        // What cannot be opened now is opened with the next look at the bus.
        await this.reopen().catch((cause: unknown) => this.#kit.onReset(this.shard, cause));
        return;
      } catch (cause) {
        this.#forget();
        if (this.stopped) return;
        this.#kit.onReset(this.shard, cause);
        await new Promise<void>((resolve) => this.#kit.clock.after(wait, resolve));
      }
    }
  }

  /** Folds what is open, and registers what it wants. */
  async #fold(): Promise<void> {
    // I7: a lane of another generation goes on at the beginning of this one; its sequences say nothing here.
    if (this.committed.lane.generation !== this.#kit.generation()) this.#turnLane();
    const flushedSeq = await this.#memory.fold(this.committed);
    if (this.stopped) return;
    this.committed = { ...this.committed, flushedSeq };
    this.#memory.register();
    this.#offerAgain();
  }

  /** Goes on with what the shard sent itself. */
  #resume(effects: readonly UnconfirmedEffect[]): void {
    for (const { n, own } of effects) if (own) this.#inputs.addOwn({ n, envelope: own });
  }

  /** Sends WORK again for every attempt that is offered: it may have been lost with the bus or with the last owner. All that is in memory has to be committed (I1). */
  #offerAgain(): void {
    for (const offer of this.#memory.offers()) this.#kit.offerAgain(this, offer);
  }

  #resend(): void {
    // What fails here is seen to make no progress, and sent again.
    void this.outgoing.look(true).catch(() => {});
  }

  #turnLane(): void {
    this.committed = { ...this.committed, lane: { generation: this.#kit.generation(), sequence: 0, time: '0' } };
    this.#purged = { lane: 0, channel: 0 };
    this.#channelSequence = { taken: 0, landed: 0 };
  }

  /** Opens lane and channels where they are not open, or of a generation that the bus forgot. Throws `unavailable`. */
  reopen(): Promise<void> {
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  async #reopen(): Promise<void> {
    for (;;) {
      const forgotten = this.committed.lane.generation !== this.#kit.generation();
      if (this.#state !== 'running' || this.#ending || (this.#intake.isOpen && !forgotten)) return;
      await this.#intake.close();
      // The lane is read on from what is committed: what was decided beyond that has to land first.
      await this.#until(() =>
        this.#state !== 'running' ? true : forgotten ? this.#quiet : this.#memory.decider.lane === this.committed.lane,
      );
      if (this.#state !== 'running' || this.#ending) return;
      if (forgotten) {
        this.#turnLane();
        this.#memory.decider.restartLane(this.committed.lane);
        this.#offerAgain();
        this.#resend();
      }
      await this.#intake.open(this.committed.lane);
    }
  }

  // — Commands of this process —

  /**
   * A command of this process: it has no lane position, is lost with the process and is derived again. `decided` is told
   * when it was dealt with; false when that will never be.
   */
  local(to: Address, verb: string, body: Envelope['body'], decided?: () => void): boolean {
    if (this.#state === 'stopped' || this.#ending) return false;
    const id = `${this.#kit.owner}:${this.shard}:${this.epoch}:${++this.#localCounter}`; // Counted anew when claimed again.
    const envelope: Envelope = { to, verb, id, body, principal: 'kernel', correlationId: id, hops: 0 };
    this.#inputs.addLocal({ envelope, decided });
    this.#turn();
    return true;
  }

  #fire(live: Live, timer: Timer): void {
    this.local(live.address, 'timer', { name: timer.name, generation: timer.generation });
  }

  /** The actor, when its family is in memory. */
  find(address: Address): Live | undefined {
    return this.#memory.cache.find(address);
  }

  /** Whether all that is known of an actor in memory is committed (I1). */
  isCommitted(live: Live): boolean {
    return Math.max(live.lastSeq, live.head?.lastSeq ?? 0) <= this.committed.seq;
  }

  // — Deciding —

  /** Receivers have to confirm before more is begun. */
  get #laneIsHeld(): boolean {
    return this.outgoing.size >= unconfirmedEffectsMax;
  }

  get #goesOn(): boolean {
    return this.#state === 'running' && !this.#ending && !this.#backlog.full && this.#inputs.has(this.#laneIsHeld);
  }

  #turn(): void {
    if (this.#turning || !this.#goesOn) return;
    this.#turning = true;
    void this.#turns();
  }

  async #turns(): Promise<void> {
    try {
      while (this.#goesOn) {
        const loading = this.#memory.prefetch(this.#inputs.window(turnInputsMax));
        if (loading) await loading;
        for (let i = 0; i < turnInputsMax && this.#goesOn && !this.#inputs.isTurnOver; i++) {
          const input = this.#inputs.next(this.#laneIsHeld, this.careful.on || !this.#poisoned.isEmpty) as Input;
          if (input.kind === 'channel')
            this.#channelSequence.taken = Math.max(this.#channelSequence.taken, input.effect.sequence);
          const source = this.#making.sourceOf(input);
          if (!source) continue;
          if (this.careful.on && !(await this.careful.begin(source, entriesOf(input)))) break;
          const unit = this.#making.begin(source);
          const decided = this.#making.decide(unit, input);
          if (decided) {
            await decided;
            // Meanwhile the shard may have been stopped, or what this was decided on may have been wrong.
            if (this.#state !== 'running') break;
          }
          this.#finish(unit, input);
        }
        if (this.#goesOn) await nextTurn();
      }
    } catch (error) {
      this.#failed(error);
    }
    this.#turning = false;
    this.#turn();
    this.#wake();
  }

  #finish(unit: Unit, input: Input): void {
    this.#memory.decider.end(unit);
    for (const { effects } of unit.events)
      for (const { to, n, envelope } of effects) if (to === this.shard) this.#inputs.addOwn({ n, envelope });
    this.#backlog.push(unit);
    this.#kit.poke(this);
    if (input.kind === 'local') input.local.decided?.();
  }

  /** Commits what is tried next, behind all that was decided. */
  async #note(source: Source, probation: Probation): Promise<boolean> {
    await this.#until(() => this.#backlog.empty || this.#state !== 'running');
    if (this.#state !== 'running') return false;
    const unit: Unit = { ...emptyUnit(source), probation, marks: this.committed };
    this.#backlog.push(unit);
    this.#kit.poke(this);
    await this.#until(() => !this.#backlog.holds(unit) || this.#state !== 'running');
    return this.#state === 'running';
  }

  // — What the writer asks —

  get hasUnits(): boolean {
    return this.#backlog.waits;
  }

  /** The oldest units, within what is left of a batch: always at least one. */
  offerUnits(eventsMax: number, bytesMax: number): readonly Unit[] {
    return this.#backlog.offer(eventsMax, bytesMax);
  }

  /** These units (the oldest) are durable. */
  landed(units: readonly Unit[], hash: Buffer): void {
    this.#backlog.landed(units);
    for (const { source, probation } of units) {
      if (probation) continue;
      this.#poisoned.forget(source);
      if (source.kind === 'channel' && source.sequence !== undefined) this.#channelSequence.landed = source.sequence;
    }
    const { marks } = units.at(-1) as Unit;
    this.committed = { ...marks, hash, flushedSeq: this.committed.flushedSeq };
    this.careful.landed(units);
    this.#turn();
    this.#wake();
  }

  /** Whether this unit still waits for its commit. */
  holds(unit: Unit): boolean {
    return this.#backlog.holds(unit);
  }

  /** A unit was refused by the store: its input will be parked. What was decided after it was decided on a state that never was. */
  refused(unit: Unit, problem: Problem): void {
    this.#poison(unit.source, undefined, problem);
    this.#backlog.cut(unit);
    this.#wake();
    if (this.#state === 'running') void this.#reset(new AstraError(problem.kind, problem.code, problem.detail));
  }

  /** Channel messages as they are first sent; those to the shard itself are decided already. */
  sendEffects(units: readonly Unit[]): void {
    for (const { events } of units)
      for (const event of events)
        for (const { to, n, envelope } of event.effects) {
          this.outgoing.add(asShard(to), n, event.seq);
          if (to === this.shard) continue;
          const { subject } = envelope;
          const key = subject === undefined ? undefined : this.#memory.cache.subjectKey(envelope.to.org, subject);
          // Never in the clear: what cannot be sealed here is sent as it is stored, with the next resending.
          if (subject !== undefined && !key) continue;
          this.outgoing.send(
            asShard(to),
            n,
            encodeEnvelope(envelope, key ? { key, nonce: () => this.#kit.random.bytes(12) } : undefined),
          );
        }
  }

  /** How far a receiver has taken its effects. */
  confirmed(receiver: Shard, got: number): void {
    this.outgoing.confirm(receiver, got);
    this.#turn();
  }

  // — Ends —

  /** Another owner has it, or it must not go on. Nothing of what was not committed is released (I2). */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#forget();
    this.feed.stop();
    this.#wake();
    await this.#intake.close();
    await this.#until(() => !this.#turning);
    // A decision that was under way may have registered something since.
    this.#forget();
  }

  /** Decides nothing more, and waits until all that is decided is committed. What waits to be, the next owner finds or derives. */
  async quiesce(): Promise<void> {
    this.#ending = true;
    await this.#intake.close();
    await this.#until(() => this.#state !== 'resetting' && (!this.running || (this.#backlog.empty && !this.#turning)));
  }

  /** Nothing is being decided, waits to be, or waits for its commit, but for what the bus holds. */
  get #quiet(): boolean {
    return this.#backlog.empty && !this.#turning && !this.#inputs.begun;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    if (this.#waiters.length > 0) for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #forget(): void {
    this.#memory.unregister();
    this.#backlog.clear();
    this.#inputs.forget();
    this.careful.stop();
  }

  // — Faults —

  /** A turn failed. What is unavailable is tried again; what an input brought about is parked when it comes again. */
  #failed(error: unknown): void {
    if (this.#state !== 'running') return;
    const { source, entry } = this.#making;
    if (source && !isPassing(error)) this.#poison(source, entry, problemOf(error));
    void this.#reset(error);
  }

  #poison(source: Source, entry: number | undefined, problem: Problem): void {
    if (source.kind !== 'channel' && source.isSeveral) this.#inputs.takeSingly();
    else if (this.#poisoned.add(source, entry, problem) === 'give up')
      this.#kit.onGivenUp(this.shard, sourceName(source), problem);
  }

  /**
   * What is in memory may be wrong (a behavior failed half way, a load failed, the store refused a unit): forget it,
   * fold again from the log, and read the inputs again. The input that was the cause is parked when it comes again.
   */
  async #reset(error: unknown): Promise<void> {
    this.#state = 'resetting';
    this.#kit.onReset(this.shard, error);
    await this.#intake.close();
    await this.#until(() => this.stopped || (!this.#turning && this.#backlog.empty)); // What was decided before is right.
    await this.#kit.settled(this);
    if (this.stopped) return;
    this.#forget();
    await this.#begin(async () => {
      await this.#fold();
      const unconfirmedSeq = this.outgoing.least(seq(this.committed.seq + 1));
      const row = { ...this.committed, unconfirmedSeq, shard: this.shard };
      this.#resume(await unconfirmedEffects(row, () => Number.POSITIVE_INFINITY, this.#kit.log));
    });
  }

  // — Housekeeping, every second —

  /** Who rests leaves memory; what no recovery has to look at any more moves `flushedSeq` on. */
  sweep(): void {
    if (this.#state !== 'running') return;
    this.careful.look(this.isOpen, !this.#quiet || this.#inputs.has(false));
    const flushedSeq = seq(this.#memory.sweep() - 1);
    if (flushedSeq > this.committed.flushedSeq) this.committed = { ...this.committed, flushedSeq };
  }

  /** Has the bus forget what lane and channels hold and nobody needs any more. */
  purge(): void {
    const lane = this.committed.lane.sequence;
    const { taken, landed } = this.#channelSequence;
    const channel = this.#backlog.empty && !this.#turning ? taken : landed;
    if (this.#state !== 'running' || (lane === this.#purged.lane && channel === this.#purged.channel)) return;
    this.#purged = { lane, channel };
    this.#kit.bus.purge(this.shard, lane, channel).catch(() => {});
  }
}
