import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { defineHandler, type Handler } from '../handler.ts';
import { touchesNothing } from './noop.ts';

const input = z.strictObject({
  /** How long, in milliseconds. */
  ms: z.number().int().min(0).max(86_400_000),
});

/** `sleep`: waits. */
export const sleep = (clock: Pick<Clock, 'after'>): Handler =>
  defineHandler({
    type: 'sleep',
    input,
    enforces: touchesNothing,
    run: ({ input: { ms }, signal }) =>
      new Promise<void>((resolve, reject) => {
        const cancel = clock.after(ms, resolve);
        signal.addEventListener(
          'abort',
          () => {
            cancel();
            reject(signal.reason);
          },
          { once: true },
        );
      }),
  });
