import type { Address } from './address.ts';
import {
  effectsInRowMax,
  excessBytesMax,
  inboxCommandsMax,
  laneBurstMin,
  laneInRowMax,
  mailboxesInTurnMax,
  mailboxTurnMax,
  turnInputsMax,
} from './bounds.ts';
import type { Clock } from './clock.ts';
import type { ReadEnvelope } from './codec.ts';
import type { Excess, Standing } from './deferring.ts';
import type { Envelope } from './envelope.ts';
import type { Effect, Intake } from './intake.ts';
import type { LanePosition } from './log.ts';
import type { Mailboxes, Turn } from './mailboxes.ts';
import type { WaitingMessage } from './refusal.ts';
import { loneOf, Shares } from './shares.ts';
import type { Answer } from './unit.ts';

/** A command of this process; `decided` is told when it was dealt with, whatever came of it. */
export interface Local {
  readonly envelope: Envelope;
  readonly decided?: (() => void) | undefined;
}

/** An effect that the shard sent itself, after a cut: as it was decided, or as it was read again. */
export interface OwnEffect {
  readonly n: number;
  readonly envelope: Envelope | ReadEnvelope;
}

export type Input =
  | { readonly kind: 'own'; readonly effect: OwnEffect }
  | { readonly kind: 'local'; readonly local: Local }
  | { readonly kind: 'channel'; readonly effect: Effect }
  /** The oldest commands of a mailbox. */
  | { readonly kind: 'kept'; readonly turn: Turn }
  /** Messages of the lane, one behind the other, that are refused or go into mailboxes. */
  | {
      readonly kind: 'put off';
      readonly position: LanePosition;
      readonly refused: readonly Answer[];
      readonly run: readonly Excess[];
    }
  | { readonly kind: 'lane'; readonly message: WaitingMessage; readonly standing: Standing | undefined };

/** Whom the next inputs are for, and whose mailboxes they go into. */
export interface Window {
  readonly ahead: Iterable<Address>;
  readonly deferred: Iterable<Address>;
}

/** How many commands an input brings. */
export const entriesOf = (input: Input): number => (input.kind === 'lane' ? input.message.entries.length : 1);

/**
 * What a shard has to decide. What was begun comes first: the rest of a cut cascade, this process's own commands, effects
 * of other shards; then the lane, and now and then a mailbox: whoever waits there had more than a share. After a row of effects,
 * one of those has a turn.
 */
export class ShardInputs {
  readonly #intake: Intake;
  readonly #mailboxes: () => Mailboxes;
  readonly #shares: Shares;
  #own: OwnEffect[] = [];
  #locals: Local[] = [];
  #singly = 0;
  #keptInTurn = 0;
  #effectsInRow = 0;
  /** Commands of the lane since a mailbox had a turn, decided or put off. */
  #laneInRow = 0;
  /** Messages of the lane that had come at the last look. */
  #seen = 0;

  constructor(intake: Intake, mailboxes: () => Mailboxes, clock: Clock) {
    this.#intake = intake;
    this.#mailboxes = mailboxes;
    this.#shares = new Shares(clock);
  }

  /** Whether there is anything; with what is new held back, anything else. */
  has(newIsHeld: boolean): boolean {
    return this.begun || !this.#intake.channels.empty || (!newIsHeld && this.#hasNew);
  }

  get #hasNew(): boolean {
    return !this.#intake.lane.empty || this.#mailboxes().wait;
  }

  /** Whether there is something that does not come from the bus. */
  get begun(): boolean {
    return this.#own.length > 0 || this.#locals.length > 0;
  }

  addOwn(effect: OwnEffect): void {
    this.#own.push(effect);
  }

  addLocal(local: Local): void {
    this.#locals.push(local);
  }

  /** So much has come since the last look ahead, or was decided from mailboxes, that others have a turn first, and what there is to be read is. */
  get isTurnOver(): boolean {
    return this.#intake.lane.arrived - this.#seen >= laneBurstMin || this.#keptInTurn >= mailboxesInTurnMax;
  }

  /** Looks ahead, and who has more than a share of the lane: once a turn. */
  window(count: number): Window {
    const { lane } = this.#intake;
    this.#seen = lane.arrived;
    this.#keptInTurn = 0;
    this.#shares.look(lane.commands, lane.ahead(Number.POSITIVE_INFINITY));
    return { ahead: this.#ahead(count), deferred: this.#deferredAhead(count) };
  }

  /** One of several that were decided together was refused: for a while they are taken one by one, to find out which. */
  takeSingly(): void {
    this.#singly = 2 * inboxCommandsMax;
  }

  /** With care, one by one. */
  next(newIsHeld: boolean, withCare: boolean): Input | undefined {
    const effect = this.#own.shift();
    if (effect) return { kind: 'own', effect };
    const local = this.#locals.shift();
    if (local) return { kind: 'local', local };
    if (newIsHeld || this.#effectsInRow < effectsInRowMax || !this.#hasNew) {
      const channel = this.#intake.channels.shift();
      if (channel) {
        this.#effectsInRow++;
        return { kind: 'channel', effect: channel };
      }
    }
    this.#effectsInRow = 0;
    return newIsHeld ? undefined : this.#nextNew(withCare || this.#singly > 0);
  }

  #nextNew(singly: boolean): Input | undefined {
    const { lane } = this.#intake;
    if (this.#singly > 0) this.#singly--;
    const most = singly ? 1 : mailboxTurnMax;
    const isDue = lane.empty || this.#laneInRow >= laneInRowMax;
    const turn = isDue ? this.#mailboxes().next(most) : undefined;
    if (isDue) this.#laneInRow = turn ? Math.max(0, this.#laneInRow - laneInRowMax) : 0;
    if (turn) {
      this.#keptInTurn += turn.commands.length;
      return { kind: 'kept', turn };
    }
    const message = lane.shift();
    if (!message) return undefined;
    this.#laneInRow++;
    const standing = this.#standingOf(message);
    if (singly || !isPutOff(message, standing)) return { kind: 'lane', message, standing };
    return this.#putOff(message);
  }

  /** This message, and those right behind it that are not decided now either. */
  #putOff(first: WaitingMessage): Input {
    const { lane } = this.#intake;
    const refused: Answer[] = [];
    const run: Excess[] = [];
    let { position } = first;
    let bytes = 0;
    let next: WaitingMessage | undefined = first;
    while (next && refused.length + run.length < turnInputsMax && bytes < excessBytesMax) {
      const standing = this.#standingOf(next);
      if (!isPutOff(next, standing)) break;
      if (next !== first) lane.shift();
      position = next.position;
      bytes += next.bytes;
      if (next.refused) refused.push(next.refused);
      else run.push({ command: loneOf(next) as Envelope, bytes: next.bytes, standing });
      [next] = lane.ahead(1);
    }
    this.#laneInRow += Math.max(0, run.length - 1);
    return { kind: 'put off', position, refused, run };
  }

  #standingOf(message: WaitingMessage): Standing | undefined {
    const command = loneOf(message);
    if (!command) return undefined;
    const standing = this.#shares.standingOf(command.to);
    return standing ?? (this.#mailboxes().waitingFor(command.to) > 0 ? 'waits' : undefined);
  }

  *#ahead(count: number): Generator<Address> {
    for (const { envelope } of this.#own.slice(0, count)) yield envelope.to;
    for (const { envelope } of this.#locals.slice(0, count)) yield envelope.to;
    for (const { envelope } of this.#intake.channels.ahead(count)) yield envelope.to;
    for (const message of this.#intake.lane.ahead(count))
      for (const entry of message.entries) if (entry.ok) yield entry.envelope.to;
  }

  *#deferredAhead(count: number): Generator<Address> {
    for (const message of this.#intake.lane.ahead(count)) {
      const to = loneOf(message)?.to;
      if (to && this.#shares.standingOf(to)) yield to;
    }
  }

  /** Forgets what does not come from the bus: it is derived again. */
  forget(): void {
    this.#own = [];
    this.#locals = [];
  }
}

/** Whether a message is not decided now. What is personal is sealed under one key an event, and goes alone. */
const isPutOff = (message: WaitingMessage, standing: Standing | undefined): boolean =>
  message.refused !== undefined || (standing !== undefined && loneOf(message)?.subject === undefined);
