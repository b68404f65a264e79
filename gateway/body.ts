import type { z } from 'zod';
import { readInput, reasonInput } from '../actors/index.ts';
import { bodyBytesMax } from './bounds.ts';
import type { BodyDeclaration } from './route.ts';

/** A body by a schema of the domain: it validates and it describes. */
export const bodyOf = <T>(
  schema: z.ZodType<T>,
  options: { readonly describedBy?: z.ZodType; readonly bytesMax?: number; readonly isOptional?: boolean } = {},
): BodyDeclaration<T> => ({
  schema: options.describedBy ?? schema,
  read: (body) => readInput(schema, body),
  bytesMax: options.bytesMax ?? bodyBytesMax,
  isOptional: options.isOptional ?? false,
});

/** `{ reason? }`, or nothing at all. */
export const reasonBody = bodyOf(reasonInput, { isOptional: true });
