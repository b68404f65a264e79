import type { Json } from './envelope.ts';

/**
 * Where a value is not JSON that every part of Astra can carry, by the keys that lead there; undefined when it is. It has finite
 * numbers, text without lone surrogates (I5: they do not survive being stored), plain lists and objects, nested no deeper than a
 * recursion may go. Parsers let more through: msgpack has bytes, dates and 64-bit integers.
 */
export function notJsonAt(value: unknown, levels: number): readonly string[] | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : [];
    case 'number':
      return Number.isFinite(value) ? undefined : [];
    case 'boolean':
      return undefined;
    case 'object':
      return value === null ? undefined : notJsonWithin(value, levels);
    default:
      return [];
  }
}

function notJsonWithin(value: object, levels: number): readonly string[] | undefined {
  if (levels === 0) return [];
  const isList = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!isList && prototype !== Object.prototype && prototype !== null) return [];
  for (const key of Object.keys(value)) {
    if (!key.isWellFormed()) return [];
    const one: unknown = (value as { readonly [key: string]: unknown })[key];
    // A field that is undefined is one that is not there.
    if (one === undefined && !isList) continue;
    const keys = notJsonAt(one, levels - 1);
    if (keys) return [key, ...keys];
  }
  return undefined;
}

export const isJson = (value: unknown, levels: number): value is Json => notJsonAt(value, levels) === undefined;
