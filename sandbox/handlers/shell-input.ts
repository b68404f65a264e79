import { z } from 'zod';
import type { Json } from '../../kernel/envelope.ts';
import { isSha256 } from '../artifacts.ts';
import { inputFile, messagesFile, outputDirectory, resultFile } from '../driver.ts';
import { isInsidePath } from '../workspace.ts';

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), 'must not contain NUL');
const reserved: ReadonlySet<string> = new Set([inputFile, outputDirectory, resultFile, messagesFile, 'tmp', 'script']);

const path = text(1024)
  .refine(isInsidePath, 'must be a relative path without "." or ".."')
  .refine((value) => !reserved.has(value.split('/')[0] as string), `must not begin with ${[...reserved].join(', ')}`);

const glob = text(1024).refine(
  (value) => isInsidePath(value),
  'must be relative to the output directory, without ".."',
);

/** The input of `shell`. */
export const shellInput = z
  .strictObject({
    /** A line for /bin/sh, or a program with its arguments. */
    command: z.union([text(65_536).min(1), z.array(text(65_536)).min(1).max(1000)]).optional(),
    /** A script: run by what its first line names (`#!`), else by /bin/sh. */
    script: text(262_144).min(1).optional(),
    /** `$1`, `$2` … ; what is no text is given as JSON. */
    args: z.array(z.json()).max(1000).default([]),
    /** Beside a minimal environment; what is no text is given as JSON. */
    env: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, 'is no name of a variable')
          .refine((name) => !name.startsWith('ASTRA_'), 'ASTRA_ is reserved'),
        z.json(),
      )
      .default({}),
    /** Standard input; the whole input as JSON by default. */
    stdin: z.json().optional(),
    /** Files in the work directory: a text, `{ base64 }`, `{ artifact: sha256 }`, or anything else as JSON. */
    files: z.record(path, z.json()).default({}),
    /** Which files of the output directory to keep; all by default. Each glob has to match, unless it is optional. */
    outputs: z
      .array(
        z.union([
          glob,
          z.strictObject({
            glob,
            mediaType: z
              .string()
              .regex(/^[\w.+-]+\/[\w.+-]+(;.*)?$/)
              .max(200)
              .optional(),
            optional: z.boolean().optional(),
          }),
        ]),
      )
      .max(100)
      .optional(),
  })
  .refine(({ command, script }) => (command === undefined) !== (script === undefined), 'give either command or script');

export type ShellInput = z.output<typeof shellInput>;

/** What a file of the input stands for. */
export type FileSource = { readonly bytes: Uint8Array } | { readonly artifact: string };

export function fileSource(value: Json): FileSource {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value);
    const [name, only] = entries.length === 1 ? (entries[0] as [string, Json | undefined]) : [undefined, undefined];
    if (name === 'base64' && typeof only === 'string') return { bytes: Buffer.from(only, 'base64') };
    if (name === 'artifact' && typeof only === 'string' && isSha256(only)) return { artifact: only };
  }
  return { bytes: Buffer.from(asText(value), 'utf8') };
}

/** A text as it is, anything else as JSON. */
export const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
