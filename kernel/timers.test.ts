import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Micros, micros, plusMs } from './brand.ts';
import { ManualClock } from './memory/clock.ts';
import { type TimerHandle, TimerWheel } from './timers.ts';

const tickMs = 4;

describe('the timing wheel', () => {
  it('fires each timer once, never early, and within a tick of its time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -50, max: 400_000 }), { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 15 }),
        (delays, steps) => {
          const clock = new ManualClock();
          const wheel = new TimerWheel(clock, tickMs);
          const fired = new Map<number, Micros>();
          const start = clock.now();
          const due = delays.map((delay) => plusMs(clock.now(), delay));
          due.forEach((at, i) => {
            wheel.add(at, () => {
              expect(fired.has(i)).toBe(false);
              fired.set(i, clock.now());
            });
          });
          for (const step of steps) clock.advance(step);
          const end = clock.now();
          due.forEach((at, i) => {
            const when = fired.get(i);
            if (when !== undefined) expect(when).toBeGreaterThanOrEqual(at);
            else expect(Math.max(at, start)).toBeGreaterThan(end - 2 * tickMs * 1000);
            if (when !== undefined) expect(when - Math.max(at, start)).toBeLessThan(3 * tickMs * 1000);
          });
          wheel.stop();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('fires in order of time when it is woken on every tick', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, tickMs);
    const order: number[] = [];
    const start = clock.now();
    const delays = [1_100_000, 5, 1000, 1024, 1028, 262_144, 900, 262_150, 20_000];
    for (const delay of delays) wheel.add(plusMs(start, delay), () => order.push(delay));
    clock.advance(1_200_000);
    expect(order).toEqual([...delays].sort((a, b) => a - b));
    expect(wheel.size).toBe(0);
    wheel.stop();
  });

  it('counts from the database’s time, however far ahead the machine’s was when the wheel was made', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, tickMs);
    clock.anchor(micros(1_600_000_000_000_000), clock.monotonicMs());
    let fired = 0;
    wheel.add(plusMs(clock.now(), 1000), () => fired++);
    clock.advance(1000 + 2 * tickMs);
    expect(fired).toBe(1);
    wheel.stop();
  });

  it.each([0, 1])('fires on its tick, wherever in a slot of level %i it is due', (level) => {
    let now = micros(1_700_000_000_000_000);
    const clock = { now: () => now, monotonicMs: () => now / 1000, anchor: () => {}, after: () => () => {} };
    const wheel = new TimerWheel(clock, tickMs);
    const slotMs = 256 ** level * tickMs;
    const lateMs: number[] = [];
    for (let i = 0; i < 600; i++) {
      const due = plusMs(now, 270 * slotMs + (i * slotMs) / 256);
      wheel.add(due, () => lateMs.push((now - due) / 1000));
    }
    while (wheel.size > 0) {
      now = plusMs(now, tickMs);
      wheel.advance();
    }
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...lateMs)).toBeLessThan(tickMs);
  });

  it('does not fire what was called off, even by a timer of the same tick', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, tickMs);
    const fired: string[] = [];
    const at = plusMs(clock.now(), 100);
    let second: TimerHandle;
    wheel.add(at, () => {
      fired.push('first');
      wheel.cancel(second);
    });
    second = wheel.add(at, () => fired.push('second'));
    const gone = wheel.add(at, () => fired.push('gone'));
    wheel.cancel(gone);
    wheel.cancel(gone);
    expect(wheel.size).toBe(2);
    clock.advance(200);
    expect(fired).toEqual(['first']);
    expect(wheel.size).toBe(0);
    wheel.stop();
  });

  it('sets no alarm while it is empty, and none after it was stopped', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, tickMs);
    expect(clock.alarms).toBe(0);
    wheel.add(micros(clock.now() + 8000), () => {});
    expect(clock.alarms).toBe(1);
    clock.advance(100);
    expect(clock.alarms).toBe(0);
    wheel.add(micros(clock.now() + 8000), () => {});
    wheel.stop();
    expect(clock.alarms).toBe(0);
  });

  it('waits for its next tick once, however often it runs empty and fills', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, tickMs);
    for (let i = 0; i < 10; i++) wheel.cancel(wheel.add(plusMs(clock.now(), 8000), () => {}));
    wheel.add(plusMs(clock.now(), 8000), () => {});
    expect(clock.alarms).toBe(1);
    clock.advance(100);
    expect(clock.alarms).toBe(1);
    wheel.stop();
  });

  it('counts from now after it stood empty for long, not tick by tick from where it stood', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock, tickMs);
    clock.advance(400 * 86_400_000);
    const fired: Micros[] = [];
    const due = plusMs(clock.now(), 20);
    wheel.add(due, () => fired.push(clock.now()));
    clock.advance(24);
    expect(fired).toEqual([due]);
    wheel.stop();
  });
});
