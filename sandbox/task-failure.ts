import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { errorCharsMax } from './bounds.ts';

/** Why an attempt ended badly, as events carry it. */
export interface TaskError {
  /** Stable, snake_case. */
  readonly code: string;
  readonly message: string;
  /** False: another attempt cannot help. */
  readonly retryable?: boolean;
  readonly details?: Json;
}

/** Thrown by a handler to end its attempt with a code of its own. Attempts are repeated unless `retryable` is false. */
export class TaskFailure extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly details: Json | undefined;

  constructor(code: string, message: string, options: { retryable?: boolean; details?: Json; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TaskFailure';
    this.code = code;
    this.retryable = options.retryable ?? true;
    this.details = options.details;
  }
}

const final: ReadonlySet<string> = new Set(['rejected', 'corrupt']);

/** What was thrown, as an event carries it: no stack, no cause. */
export function taskErrorOf(thrown: unknown): TaskError {
  if (thrown instanceof TaskFailure)
    return {
      code: thrown.code,
      message: shorten(thrown.message),
      ...(thrown.retryable ? {} : { retryable: false }),
      ...(thrown.details === undefined ? {} : { details: thrown.details }),
    };
  if (thrown instanceof AstraError)
    return {
      code: thrown.code,
      message: shorten(thrown.message),
      ...(final.has(thrown.kind) ? { retryable: false } : {}),
    };
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `thrown: ${String(thrown)}`;
  return { code: 'handler_threw', message: shorten(message) };
}

/** An error message cut to what an event carries. */
export function shorten(text: string): string {
  return text.length <= errorCharsMax ? text : `${text.slice(0, errorCharsMax - 1)}…`;
}
