import type { Timer } from './behavior.ts';
import type { Clock } from './clock.ts';
import type { Live } from './live.ts';
import { offerOf } from './offer.ts';
import type { TimerWheel } from './timers.ts';
import type { Unit } from './unit.ts';
import { register, type WorkBoard } from './wants.ts';

export interface TouchedParts {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly board: WorkBoard;
  readonly fire: (live: Live, timer: Timer) => void;
}

/** The actors that a unit has changed: once it is decided, they are asked what they want now. */
export class Touched {
  readonly #parts: TouchedParts;
  readonly #lives = new Set<Live>();
  /** Of these, those whose worker spoke itself: it need not be told that the attempt has ended. */
  readonly #byHolder = new Set<Live>();

  constructor(parts: TouchedParts) {
    this.#parts = parts;
  }

  add(live: Live): void {
    this.#lives.add(live);
  }

  addByHolder(live: Live): void {
    this.#byHolder.add(live);
  }

  /** Registers timers and work, and puts into the unit what follows: offers, and stops for work that was taken away. */
  settle(unit: Unit): void {
    const { wheel, board, fire, clock } = this.#parts;
    for (const live of this.#lives) {
      const { changed, before } = register(live, wheel, board, fire, () => clock.now());
      if (!changed) continue;
      const offer = offerOf(live);
      if (offer) unit.offers.push(offer);
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
    this.#lives.clear();
    this.#byHolder.clear();
  }
}
