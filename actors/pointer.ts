import type { Json } from '../kernel/envelope.ts';

/** RFC 6901. */

/** A name as one part of a pointer. */
export const token = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

export const isPointer = (text: string): boolean => /^(\/([^~]|~[01])*)?$/.test(text);

/** What a pointer names in a value; null where nothing stands. */
export function pointed(value: Json | undefined, pointer: string): Json {
  let at: Json | undefined = value;
  for (const part of pointer === '' ? [] : pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = /^(0|[1-9]\d*)$/.test(name) ? (at[Number(name)] as Json | undefined) : undefined;
    else if (at !== null && typeof at === 'object')
      at = Object.hasOwn(at, name) ? (at as { readonly [key: string]: Json })[name] : undefined;
    else return null;
  }
  return at ?? null;
}
