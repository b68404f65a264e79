import type { z } from 'zod';
import type { Json } from '../kernel/envelope.ts';
import type { Fault } from '../kernel/errors.ts';
import { shorten } from './task-failure.ts';

/** A schema's issues as faults with JSON pointers (RFC 6901), and as one sentence. */
export function describeFaults(error: z.ZodError): { message: string; errors: Json } {
  const faults: Fault[] = error.issues.slice(0, 20).map(({ path, message }) => ({
    pointer: path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    message,
  }));
  const list = faults.map(({ pointer, message }) => `${pointer || 'input'}: ${message}`).join('; ');
  return {
    message: shorten(`The input is not what this task type takes: ${list}`),
    errors: faults.map((f) => ({ ...f })),
  };
}
