import type { WorkOffer } from '../../kernel/bus.ts';
import type { MemoryBus } from '../../kernel/memory/bus.ts';
import type { Dice } from './dice.ts';
import type { Time } from './time.ts';

/** A message that its worker did not acknowledge for so long is another one's. */
const ackWaitMs = 8000;

/** Who pulls from WORK. */
export interface Puller {
  readonly org: string;
  /** How many attempts fit now. */
  credit(offer: WorkOffer): number;
  take(offer: WorkOffer, ack: () => void): void;
}

/** Stream WORK: each message goes to one worker that has room for it, until one acknowledges it. */
export class WorkStream {
  readonly #time: Time;
  readonly #dice: Dice;
  #waiting: WorkOffer[] = [];
  #pullers: Puller[] = [];
  #wipes = 0;
  /** How likely a message is lost; half as likely it comes twice. */
  trouble = 0;

  constructor(bus: MemoryBus, time: Time, dice: Dice) {
    this.#time = time;
    this.#dice = dice;
    bus.takeWork((offer) => {
      const chance = dice.number();
      const copies = chance < this.trouble ? 0 : chance < this.trouble * 1.5 ? 2 : 1;
      for (let i = 0; i < copies; i++) this.#waiting.push(offer);
      this.hand();
      return true;
    });
  }

  wipe(): void {
    this.#waiting = [];
    this.#wipes++;
  }

  join(puller: Puller): void {
    this.#pullers.push(puller);
    this.hand();
  }

  leave(puller: Puller): void {
    this.#pullers = this.#pullers.filter((other) => other !== puller);
  }

  /** Hands out what fits. */
  hand(): void {
    this.#waiting = this.#waiting.filter((offer) => {
      const able = this.#pullers.filter((puller) => puller.credit(offer) > 0);
      if (able.length === 0) return true;
      this.#give(offer, this.#dice.pick(able));
      return false;
    });
  }

  #give(offer: WorkOffer, to: Puller): void {
    const wipes = this.#wipes;
    let isAcked = false;
    this.#time.after(ackWaitMs, () => {
      if (isAcked || wipes !== this.#wipes) return;
      this.#waiting.push(offer);
      this.hand();
    });
    to.take(offer, () => {
      isAcked = true;
    });
  }
}
