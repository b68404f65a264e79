import type { Json } from './envelope.ts';

/**
 * Whether a value is JSON that every part of Astra can carry: finite numbers, text without lone surrogates (I5: they do not
 * survive being stored), plain lists and objects, nested no deeper than a recursion may go. Parsers let more through: msgpack has
 * bytes, dates and 64-bit integers.
 */
export function isJson(value: unknown, levels: number): value is Json {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed();
    case 'number':
      return Number.isFinite(value);
    case 'boolean':
      return true;
    case 'object': {
      if (value === null) return true;
      if (levels === 0) return false;
      if (Array.isArray(value)) return value.every((one) => isJson(one, levels - 1));
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) return false;
      return Object.entries(value).every(
        ([key, one]) => key.isWellFormed() && (one === undefined || isJson(one, levels - 1)),
      );
    }
    default:
      return false;
  }
}
