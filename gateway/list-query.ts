import { z } from 'zod';
import { isId } from '../kernel/ids.ts';
import { limitDefault, limitMax } from './bounds.ts';

const expectedLimit = `expected a whole number from 1 to ${limitMax}`;

const paging = {
  limit: z
    .string()
    .regex(/^\d{1,3}$/, expectedLimit)
    .transform(Number)
    .pipe(z.int().min(1, expectedLimit).max(limitMax, expectedLimit))
    .default(limitDefault),
  cursor: z.string().max(100, 'expected a cursor').optional().meta({ description: '`nextCursor` of the page before' }),
};

/** The query of a list: its filters, `limit` and `cursor`; anything else is a fault. */
export const listQuery = <S extends z.ZodRawShape>(filters: S) => z.strictObject({ ...paging, ...filters });

/** A filter by an id. */
export const idFilter = (prefix: string, of: string) =>
  z
    .string()
    .refine((text) => isId(prefix, text), `expected the id of ${of}: ${prefix}_ and 26 characters`)
    .optional();

/** A filter by a pool, a task type and the like. */
export const wordFilter = z
  .string()
  .regex(/^[a-z0-9_-]{1,64}$/, 'expected 1 to 64 of a-z, 0-9, _ and -')
  .optional();
