import type { Json } from '../kernel/envelope.ts';
import { jsonDepthMax } from './bounds.ts';

/**
 * Whether a value is JSON that every part of Astra can carry: finite numbers, text without lone surrogates (I5: they do not
 * survive being stored), plain lists and objects, nested no deeper than a recursion may go. Parsers let more through: msgpack has
 * bytes, dates and 64-bit integers.
 */
export function isJson(value: unknown, depth = 0): value is Json {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed();
    case 'number':
      return Number.isFinite(value);
    case 'boolean':
      return true;
    case 'object': {
      if (value === null) return true;
      if (depth === jsonDepthMax) return false;
      if (Array.isArray(value)) return value.every((one) => isJson(one, depth + 1));
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) return false;
      return Object.entries(value).every(
        ([key, one]) => key.isWellFormed() && (one === undefined || isJson(one, depth + 1)),
      );
    }
    default:
      return false;
  }
}

/** Its size as JSON. */
export const jsonBytes = (value: Json): number => Buffer.byteLength(JSON.stringify(value));
