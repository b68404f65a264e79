import { createHash } from 'node:crypto';
import type { Json } from '../kernel/envelope.ts';

/** JSON with its keys in order: equal values, equal text. */
export function canonicalJson(value: Json | undefined): string {
  if (value === undefined) return 'null';
  if (Array.isArray(value)) return `[${value.map((one) => canonicalJson(one as Json)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const fields = value as { readonly [key: string]: Json | undefined };
  let text = '';
  for (const key of Object.keys(fields).sort())
    if (fields[key] !== undefined)
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(fields[key])}`;
  return `{${text}}`;
}

/** SHA-256, hex, of a request in canonical form: the same key with another request is refused. */
export const fingerprint = (request: Json): string => createHash('sha256').update(canonicalJson(request)).digest('hex');
