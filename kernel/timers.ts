import type { Micros } from './brand.ts';
import type { Clock } from './clock.ts';

/**
 * A hierarchical timing wheel (Varghese and Lauck, 1987): 4 levels of 256 slots over ticks of `tickMs`. Adding and
 * cancelling cost the same however many timers wait; a level's slot is spread over the level below when its turn comes.
 *
 *   level 0: 256 ticks of 4 ms ≈ 1 s · level 1 ≈ 4 min · level 2 ≈ 19 h · level 3 ≈ 199 days (later ones wait in its last slot)
 */
const slotBits = 8;
const slots = 1 << slotBits;
const levels = 4;

/** A timer in the wheel: a node of its slot's ring. */
export interface TimerHandle {
  readonly at: Micros;
  readonly fire: () => void;
  next: TimerHandle | undefined;
  previous: TimerHandle | undefined;
}

interface Ring extends TimerHandle {}

const ring = (): Ring => {
  const head = { at: 0 as Micros, fire: () => {}, next: undefined, previous: undefined } as TimerHandle;
  head.next = head;
  head.previous = head;
  return head;
};

export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickUs: number;
  readonly #rings: Ring[][] = Array.from({ length: levels }, () => Array.from({ length: slots }, ring));
  /** The last tick whose timers were fired. It is first asked for with the first timer: before the clock is anchored it is the machine's. */
  #tick = 0;
  #size = 0;
  /** Set while the next tick is waited for: there is one such wait, however often the wheel runs empty and fills. */
  #cancelWake: (() => void) | undefined;
  #advancing = false;
  #stopped = false;

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickUs = tickMs * 1000;
  }

  get size(): number {
    return this.#size;
  }

  /** Fires once the clock has reached `at`, never before. */
  add(at: Micros, fire: () => void): TimerHandle {
    const handle: TimerHandle = { at, fire, next: undefined, previous: undefined };
    // An empty wheel stands still; where it stood is no place to count from.
    if (this.#size === 0 && !this.#advancing) this.#tick = Math.max(this.#tick, this.#nowTick());
    this.#place(handle, this.#tick + 1);
    this.#size++;
    this.#wake();
    return handle;
  }

  /** Calls a timer off; no effect on one that has fired. */
  cancel(handle: TimerHandle): void {
    if (!handle.next || !handle.previous) return;
    handle.previous.next = handle.next;
    handle.next.previous = handle.previous;
    handle.next = undefined;
    handle.previous = undefined;
    this.#size--;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelWake?.();
  }

  /** Puts a timer where it is due, at `first` or later, as seen from the tick that is being fired. */
  #place(handle: TimerHandle, first: number): void {
    const due = Math.max(Math.ceil(handle.at / this.#tickUs), first);
    const ahead = due - this.#tick;
    let level = 0;
    while (level < levels - 1 && ahead >= slots ** (level + 1)) level++;
    const tick = Math.min(due, this.#tick + slots ** levels - 1);
    const head = (this.#rings[level] as Ring[])[Math.floor(tick / slots ** level) % slots] as Ring;
    handle.previous = head.previous;
    handle.next = head;
    (head.previous as TimerHandle).next = handle;
    head.previous = handle;
  }

  #wake(): void {
    if (this.#stopped || this.#cancelWake) return;
    this.#cancelWake = this.#clock.after(this.#tickUs / 1000, () => {
      this.#cancelWake = undefined;
      this.advance();
      if (this.#size > 0) this.#wake();
    });
  }

  #nowTick(): number {
    return Math.floor(this.#clock.now() / this.#tickUs);
  }

  /** Fires all that is due. Called by the wheel's own ticking; a simulation may call it. */
  advance(): void {
    const now = this.#nowTick();
    this.#advancing = true;
    while (this.#tick < now && this.#size > 0) {
      this.#tick++;
      for (let level = levels - 1; level > 0; level--)
        if (this.#tick % slots ** level === 0) this.#spread(level, Math.floor(this.#tick / slots ** level) % slots);
      this.#drain((this.#rings[0] as Ring[])[this.#tick % slots] as Ring, (handle) => {
        this.#size--;
        handle.fire();
      });
    }
    this.#advancing = false;
  }

  #spread(level: number, slot: number): void {
    const back: TimerHandle[] = [];
    this.#drain((this.#rings[level] as Ring[])[slot] as Ring, (handle) => back.push(handle));
    // The ring of this very tick is drained next, so a timer may still go there; none of them is further than a level reaches.
    for (const handle of back) this.#place(handle, this.#tick);
  }

  /** Takes one node after the other, so that a callback may cancel those behind it. */
  #drain(head: Ring, each: (handle: TimerHandle) => void): void {
    for (let at = head.next as TimerHandle; at !== head; at = head.next as TimerHandle) {
      head.next = at.next;
      (at.next as TimerHandle).previous = head;
      at.next = undefined;
      at.previous = undefined;
      each(at);
    }
  }
}
