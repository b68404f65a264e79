import { setTimeout as delay } from 'node:timers/promises';
import { describe } from 'vitest';
import { SystemClock } from './clock.ts';
import { ManualClock } from './memory/clock.ts';
import { clockContract } from './testing/clock.contract.ts';

describe('the machine’s clock', () => {
  clockContract(() => {
    const clock = new SystemClock();
    return {
      clock,
      pass: async (ms) => {
        const until = clock.monotonicMs() + ms;
        while (clock.monotonicMs() < until) await delay(1);
      },
    };
  });
});

describe('a clock that is moved by hand', () => {
  clockContract(() => {
    const clock = new ManualClock();
    return { clock, pass: async (ms) => clock.advance(ms) };
  });
});
