import type { Json } from '../kernel/envelope.ts';
import { jsonDepthMax } from './bounds.ts';
import { token } from './pointer.ts';

/**
 * Where a value is not JSON that every part of Astra can carry, as a pointer into it: finite numbers, text without lone surrogates
 * (I5: they do not survive being stored), plain lists and objects, nested no deeper than a recursion may go. Parsers let more through:
 * msgpack has bytes, dates and 64-bit integers.
 */
export function notJsonAt(value: unknown, depth = 0): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : '';
    case 'number':
      return Number.isFinite(value) ? undefined : '';
    case 'boolean':
      return undefined;
    case 'object': {
      if (value === null) return undefined;
      if (depth === jsonDepthMax) return '';
      if (!Array.isArray(value)) {
        const prototype: unknown = Object.getPrototypeOf(value);
        if (prototype !== Object.prototype && prototype !== null) return '';
      }
      for (const [key, one] of Object.entries(value)) {
        if (!key.isWellFormed()) return '';
        // A field that is undefined is one that is not there.
        const at = one === undefined && !Array.isArray(value) ? undefined : notJsonAt(one, depth + 1);
        if (at !== undefined) return `/${token(key)}${at}`;
      }
      return undefined;
    }
    default:
      return '';
  }
}

export const isJson = (value: unknown): value is Json => notJsonAt(value) === undefined;

/** Its size as JSON. */
export const jsonBytes = (value: Json): number => Buffer.byteLength(JSON.stringify(value));
