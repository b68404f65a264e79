import { AstraError } from '../kernel/errors.ts';

const faultsShown = 10;

/**
 * An error as one or a few lines for people. What is no {@link AstraError} is a defect of ours: it says so, and how to see more.
 * With `debug`, the stack follows.
 */
export function describeError(error: unknown, debug: boolean): string {
  const stack = debug && error instanceof Error && error.stack ? `\n${error.stack}` : '';
  if (error instanceof AstraError) {
    const missing = (error.errors ?? []).filter((fault) => !error.message.includes(fault.message));
    const faults = missing.slice(0, faultsShown).map((fault) => `\n  ${fault.pointer || '/'}: ${fault.message}`);
    const more = missing.length > faultsShown ? `\n  and ${missing.length - faultsShown} more` : '';
    return `${error.message} [${error.code}]${faults.join('')}${more}${stack}`;
  }
  const [first = 'unknown'] = (error instanceof Error ? error.message : String(error)).split('\n');
  return `internal error: ${first}${debug ? stack : ' (ASTRA_DEBUG=1 shows where)'}`;
}
