import { AstraError } from '../kernel/errors.ts';
import { type Ordered, order } from './ordered-index.ts';

/** What a caller asks of a list. `limit` is 1 … 500, checked at the edge. */
export interface PageRequest {
  readonly limit: number;
  /** As `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

/**
 * A page of a list, newest first. It may hold fewer than `limit` items, even none, and still have a `nextCursor`: the
 * walk over one index is bounded ({@link listScanMax}); go on until `nextCursor` is null.
 */
export interface Page<View> {
  readonly items: readonly View[];
  readonly nextCursor: string | null;
}

/**
 * The place of an item as text. It names the item's own place in the order, nothing of the process that made it: it is
 * valid on every gateway, and items that arrive meanwhile are newer, so they do not move it.
 */
export const cursorOf = (at: Ordered): string =>
  Buffer.from(`${at.createdAt}.${at.shard}.${at.seq}.${order(at)}`, 'latin1').toString('base64url');

const pattern = /^(\d{1,16})\.(\d{1,5})\.(\d{1,16})\.(\d{1,6})$/;

/** Throws `rejected` / `invalid_input` when the text is no cursor. */
export function parseCursor(text: string): Ordered {
  const match = text.length <= 80 ? pattern.exec(Buffer.from(text, 'base64url').toString('latin1')) : null;
  if (!match)
    throw new AstraError('rejected', 'invalid_input', 'expected a cursor that an earlier page of this list gave', {
      errors: [{ pointer: '/cursor', message: 'is no cursor: leave it out to begin with the newest' }],
    });
  return {
    createdAt: Number(match[1]),
    shard: Number(match[2]),
    seq: Number(match[3]),
    ordinal: Number(match[4]),
  };
}
