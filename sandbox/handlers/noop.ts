import { z } from 'zod';
import type { Json } from '../../kernel/envelope.ts';
import { defineHandler, type Handler } from '../handler.ts';
import type { Enforcement } from '../limits.ts';

/** What holds for work that is done by the worker itself without touching anything outside its memory. */
export const touchesNothing: Enforcement = {
  pids: 'starts no process',
  diskBytes: 'writes no file',
  outputBytes: 'counted by the worker',
  network: { none: 'opens no connection', allowlist: 'opens no connection', full: 'opens no connection' },
};

/** `noop`: returns its input. */
export const noop: Handler = defineHandler({
  type: 'noop',
  input: z.unknown(),
  enforces: touchesNothing,
  run: ({ input }) => input as Json | undefined,
});
