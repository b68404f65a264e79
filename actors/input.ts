import { z } from 'zod';
import type { Json } from '../kernel/envelope.ts';
import { AstraError, type Fault } from '../kernel/errors.ts';
import { isId } from '../kernel/ids.ts';
import { jsonDepthMax, reasonMax, subjectMax } from './bounds.ts';
import { jsonBytes, notJsonAt } from './json.ts';
import { token } from './pointer.ts';

/** What clients may say, in words that several actors share. Every schema is strict: an unknown field is a fault. */

/**
 * A character that no name, label or reason may hold: controls, line and paragraph separators, lone surrogates, and what shows
 * nothing or turns the direction of what follows, but for the joiners that scripts and emoji need.
 */
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?!\u200c|\u200d|[\u{e0020}-\u{e007f}])\p{Cf}/u;
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** Text on one line: printable, trimmed, NFC. */
export const line = (max: number) =>
  z
    .string()
    .transform((text) => text.normalize('NFC').trim())
    .pipe(
      z
        .string()
        .refine((text) => visible.test(text), 'expected at least one printable character')
        .refine((text) => text.length <= max || [...text].length <= max, `expected at most ${max} characters`)
        .refine((text) => !unprintable.test(text), 'expected printable characters only'),
    );

/** Text of several lines; NUL cannot be stored. */
export const prose = (max: number) =>
  z
    .string()
    .max(max, `expected at most ${max} characters`)
    .refine((text) => !text.includes('\0'), 'expected text without NUL characters');

export const typeName = z.string().regex(/^[a-z0-9_-]{1,64}$/, 'expected 1 to 64 of a-z, 0-9, _ and -');
export const orgName = z.string().regex(/^[a-z0-9-]{1,40}$/, 'expected 1 to 40 of a-z, 0-9 and -');
export const priority = z
  .int('expected a whole number')
  .min(0, 'expected 0 (most urgent) to 9')
  .max(9, 'expected 0 (most urgent) to 9');
export const subject = line(subjectMax);

export const idOfType = (prefix: string, what: string) =>
  z.string().refine((text) => isId(prefix, text), `expected the id of ${what}: ${prefix}_ and 26 characters`);

export const taskId = z.string().refine((text) => {
  const dot = text.indexOf('.');
  return dot > 0 && isId('gl', text.slice(0, dot)) && taskKeyPattern.test(text.slice(dot + 1));
}, 'expected the id of a task: its goal’s id, a dot, and its key');

/** Keys of tasks in a plan; `_plan` is Astra's own and no client's. */
export const clientKeyPattern = /^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/;
const taskKeyPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** Any JSON, up to a size. */
export const json = (bytesMax: number): z.ZodType<Json> =>
  z
    .json()
    .refine(
      (value) => jsonBytes(value as Json) <= bytesMax,
      `expected at most ${bytesMax} bytes of JSON`,
    ) as unknown as z.ZodType<Json>;

/** `{ reason? }`, or nothing at all. */
export const reasonInput = z.strictObject({ reason: line(reasonMax).optional() });
export type ReasonInput = z.infer<typeof reasonInput>;

/** The faults of an input, with pointers into it. */
export const faultsOf = (error: z.ZodError): readonly Fault[] =>
  error.issues.flatMap((issue) => {
    const pointer = issue.path.map((part) => `/${token(String(part))}`).join('');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ pointer: `${pointer}/${token(key)}`, message: 'unknown field' }));
    return [{ pointer, message: issue.message }];
  });

/** The input, or one `invalid_input` that names every fault. */
export function readInput<T>(schema: z.ZodType<T>, input: unknown): T {
  // Before anything else, because what reads it calls itself for every level.
  const pointer = input === undefined ? undefined : notJsonAt(input);
  if (pointer !== undefined)
    throw invalidInput([
      { pointer, message: `expected JSON of well-formed text, at most ${jsonDepthMax} levels deep` },
    ]);
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw invalidInput(faultsOf(result.error));
}

const invalidInput = (errors: readonly Fault[]): AstraError =>
  new AstraError(
    'rejected',
    'invalid_input',
    `the input has ${errors.length === 1 ? 'a fault' : `${errors.length} faults`}: ${errors
      .slice(0, 3)
      .map(({ pointer, message }) => `${pointer || 'the body'}: ${message}`)
      .join('; ')}`,
    { errors },
  );
