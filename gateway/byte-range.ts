import { AstraError } from '../kernel/errors.ts';

/** First and last byte, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * A `Range` header over `size` bytes (RFC 9110, section 14). Undefined where all of it is to be sent: none was asked for,
 * it is no range of bytes, or it is several. Throws `range_not_satisfiable`.
 */
export function byteRange(header: string, size: number): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < start) return undefined;
  if (start >= size || (first === '' && Number(last) === 0))
    throw new AstraError('rejected', 'range_not_satisfiable', `expected a range within ${size} bytes, found ${header}`);
  return { start, end };
}
