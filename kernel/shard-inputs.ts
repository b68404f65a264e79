import type { Address } from './address.ts';
import type { ReadEnvelope } from './codec.ts';
import type { Envelope } from './envelope.ts';
import type { Effect, Intake } from './intake.ts';
import type { WaitingMessage } from './refusal.ts';

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
  | { readonly kind: 'lane'; readonly message: WaitingMessage };

/** How many commands an input brings. */
export const entriesOf = (input: Input): number => (input.kind === 'lane' ? input.message.entries.length : 1);

/**
 * What a shard has to decide. What was begun comes first: the rest of a cut cascade, this process's own commands, effects
 * of other shards; then the lane.
 */
export class ShardInputs {
  readonly #intake: Intake;
  #own: OwnEffect[] = [];
  #locals: Local[] = [];

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  /** Whether there is anything; with the lane held back, anything else. */
  has(laneIsHeld: boolean): boolean {
    return this.begun || !this.#intake.channels.empty || (!laneIsHeld && !this.#intake.lane.empty);
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

  next(laneIsHeld: boolean): Input | undefined {
    const effect = this.#own.shift();
    if (effect) return { kind: 'own', effect };
    const local = this.#locals.shift();
    if (local) return { kind: 'local', local };
    const channel = this.#intake.channels.shift();
    if (channel) return { kind: 'channel', effect: channel };
    const lane = laneIsHeld ? undefined : this.#intake.lane.shift();
    return lane && { kind: 'lane', message: lane };
  }

  /** Whom the next inputs are for. */
  *ahead(count: number): Generator<Address> {
    for (const { envelope } of this.#own.slice(0, count)) yield envelope.to;
    for (const { envelope } of this.#locals.slice(0, count)) yield envelope.to;
    for (const { envelope } of this.#intake.channels.ahead(count)) yield envelope.to;
    for (const { entries } of this.#intake.lane.ahead(count))
      for (const entry of entries) if (entry.ok) yield entry.envelope.to;
  }

  /** Forgets what does not come from the bus: it is derived again. */
  forget(): void {
    this.#own = [];
    this.#locals = [];
  }
}
