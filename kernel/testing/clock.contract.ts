import { expect, it } from 'vitest';
import { micros, plusMs } from '../brand.ts';
import type { Clock } from '../clock.ts';

/** One clock, and how its time is made to pass. */
export interface ClockWorld {
  readonly clock: Clock;
  /** Lets this much time pass, or a little more. */
  pass(ms: number): Promise<void>;
}

/** What every {@link Clock} has to keep. */
export function clockContract(open: () => ClockWorld): void {
  it('carries the database’s time on from its last anchor', async () => {
    const { clock, pass } = open();
    const told = micros(2_000_000_000_000_000);
    clock.anchor(told, clock.monotonicMs());
    const at = clock.monotonicMs();
    await pass(20);
    const now = clock.now();
    const passedMs = clock.monotonicMs() - at;
    expect(now).toBeGreaterThanOrEqual(plusMs(told, 20));
    expect(now).toBeLessThanOrEqual(plusMs(told, passedMs + 1));
  });

  it('takes an anchor as of the moment it was read', () => {
    const { clock } = open();
    const told = micros(2_000_000_000_000_000);
    clock.anchor(told, clock.monotonicMs() - 500);
    expect(clock.now()).toBeGreaterThanOrEqual(plusMs(told, 500));
  });

  it('never goes back, whatever it is told', async () => {
    const { clock, pass } = open();
    const first = clock.now();
    clock.anchor(micros(first - 60_000_000), clock.monotonicMs());
    expect(clock.now()).toBeGreaterThanOrEqual(first);
    await pass(5);
    expect(clock.now()).toBeGreaterThanOrEqual(first);
    clock.anchor(plusMs(first, 60_000), clock.monotonicMs());
    expect(clock.now()).toBeGreaterThanOrEqual(plusMs(first, 60_000));
  });

  it('measures spans whatever the database’s time does', async () => {
    const { clock, pass } = open();
    const from = clock.monotonicMs();
    clock.anchor(micros(1), from);
    await pass(10);
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(from + 10);
  });

  it('calls back once, not before its time, and in order of time', async () => {
    const { clock, pass } = open();
    const from = clock.monotonicMs();
    const called: [string, number][] = [];
    const note = (name: string) => () => called.push([name, clock.monotonicMs() - from]);
    clock.after(20, note('late'));
    clock.after(5, note('early'));
    clock.after(0, note('now'));
    expect(called).toEqual([]);
    while (called.length < 3) await pass(5);
    await pass(30);
    expect(called.map(([name]) => name)).toEqual(['now', 'early', 'late']);
    // A timer of Node.js may ring up to a millisecond before its time.
    expect(called.map(([, ms], i) => ms >= ([0, 5, 20][i] as number) - 1)).toEqual([true, true, true]);
  });

  it('does not call back what was called off', async () => {
    const { clock, pass } = open();
    const called: string[] = [];
    const off = clock.after(5, () => called.push('off'));
    clock.after(10, () => called.push('on'));
    off();
    off();
    while (called.length === 0) await pass(5);
    expect(called).toEqual(['on']);
  });

  it('sets callbacks from within callbacks', async () => {
    const { clock, pass } = open();
    let rounds = 0;
    const again = (): void => {
      rounds++;
      if (rounds < 3) clock.after(1, again);
    };
    clock.after(1, again);
    while (rounds < 3) await pass(5);
    expect(rounds).toBe(3);
  });
}
