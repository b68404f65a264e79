import { type Micros, micros } from '../../kernel/brand.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Dice } from './dice.ts';
import type { Time } from './time.ts';

/** What becomes of one call to the outside. */
export interface Fate {
  readonly requestMs: number;
  readonly responseMs: number;
  /**
   * `request`: it never arrives. `response`: it is carried out, and nobody is told. `late`: its caller is told that the
   * connection has ended, and only then it arrives.
   */
  readonly lost?: 'request' | 'response' | 'late' | undefined;
  readonly error?: () => Error;
}

/** Where a process ends or stands still: at the port call after so many others, before that call leaves or behind it. */
export interface Doom {
  calls: number;
  readonly end: 'crash' | 'pause';
  readonly isBefore: boolean;
  readonly onEnd: () => void;
}

/**
 * A process: what runs inside reaches the outside by its ports alone, and is reached by what they bring. When it is killed
 * nothing leaves it and nothing reaches it any more; while it is paused (SIGSTOP) everything waits at its border, in order.
 */
export class SimProcess {
  readonly name: string;
  readonly time: Time;
  readonly dice: Dice;
  state: 'up' | 'paused' | 'dead' = 'up';
  doom: Doom | undefined;
  readonly #held: (() => void)[] = [];
  readonly #deaths: (() => void)[] = [];
  #arrivedMs = 0;

  constructor(name: string, time: Time, dice: Dice) {
    this.name = name;
    this.time = time;
    this.dice = dice;
  }

  /** Something passes its border, either way. */
  pass(what: () => void): void {
    if (this.state === 'dead') return;
    if (this.state === 'paused') this.#held.push(what);
    else {
      this.time.activity++;
      what();
    }
  }

  kill(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.#held.length = 0;
    for (const tell of this.#deaths.splice(0)) tell();
  }

  onDeath(tell: () => void): void {
    if (this.state === 'dead') tell();
    else this.#deaths.push(tell);
  }

  pause(): void {
    if (this.state === 'up') this.state = 'paused';
  }

  /** What waited passes now, all at once and in order. */
  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'up';
    while (this.state === 'up' && this.#held.length > 0) this.pass(this.#held.shift() as () => void);
  }

  /** Asks something of the outside. */
  call<T>(fate: Fate, act: () => Promise<T>): Promise<T> {
    const { time } = this;
    time.activity++;
    const doom = this.#strike('before');
    return new Promise((resolve, reject) => {
      const back = (ms: number, then: () => void): void => void time.after(ms, () => this.pass(then));
      const failed = (): void => reject(fate.error?.());
      this.pass(() => {
        const { lost, requestMs, responseMs } = fate;
        if (lost === 'late') back(responseMs, failed);
        if (lost === 'request') return back(requestMs + responseMs, failed);
        time.after(lost === 'late' ? responseMs + requestMs : requestMs, () => {
          act().then(
            (value) => {
              if (lost !== 'late') back(responseMs, lost === 'response' ? failed : () => resolve(value));
            },
            (error: unknown) => {
              if (lost !== 'late') back(responseMs, () => reject(error));
            },
          );
        });
      });
      if (doom) this.#strike('behind');
    });
  }

  /** Tells the outside something, and hears nothing of it. */
  tell(ms: number, act: () => void): void {
    const doom = this.#strike('before');
    this.pass(() => void this.time.after(ms, act));
    if (doom) this.#strike('behind');
  }

  /** `ms`, or more where what left on the same connection before has not arrived by then. */
  inOrder(ms: number): number {
    this.#arrivedMs = Math.max(this.#arrivedMs, this.time.nowMs + ms);
    return this.#arrivedMs - this.time.nowMs;
  }

  /** Counts a call; true when its end comes right behind this one. */
  #strike(when: 'before' | 'behind'): boolean {
    const { doom } = this;
    if (!doom || this.state !== 'up') return false;
    if (when === 'before' && doom.calls-- > 0) return false;
    if (when === 'before' && !doom.isBefore) return true;
    this.doom = undefined;
    if (doom.end === 'crash') this.kill();
    else this.pause();
    doom.onEnd();
    return false;
  }
}

/** The clock of one process: its monotonic time begins with it, and its machine's own time may be wrong. */
export class ProcessClock implements Clock {
  readonly #process: SimProcess;
  readonly #bornMs: number;
  readonly #grainMs: number;
  #offsetUs: number;
  #last = 0;

  /** Alarms ring at whole multiples of `grainMs`: a busy machine. */
  constructor(process: SimProcess, machineMs: number, grainMs: number) {
    this.#process = process;
    this.#bornMs = process.time.nowMs;
    this.#grainMs = grainMs;
    this.#offsetUs = Math.round(machineMs * 1000);
  }

  now(): Micros {
    this.#last = Math.max(this.#last, Math.round(this.monotonicMs() * 1000) + this.#offsetUs);
    return micros(this.#last);
  }

  monotonicMs(): number {
    return this.#process.time.nowMs - this.#bornMs;
  }

  anchor(databaseNow: Micros, atMonotonicMs: number): void {
    this.#offsetUs = databaseNow - Math.round(atMonotonicMs * 1000);
  }

  after(delayMs: number, callback: () => void): () => void {
    const { time } = this.#process;
    const grain = this.#grainMs;
    const atMs = Math.ceil((time.nowMs + Math.max(0, delayMs)) / grain) * grain;
    let off = false;
    const cancel = time.after(atMs - time.nowMs, () =>
      this.#process.pass(() => {
        if (!off) callback();
      }),
    );
    return () => {
      off = true;
      cancel();
    };
  }
}
