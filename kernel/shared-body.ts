import type { Json } from './envelope.ts';

/**
 * What an event's body would hold twice it holds once: much of a command is in the data of the event that it brought about, and
 * much of an effect in the command that it carries on (a plan, a result). The second place names it and leaves it out.
 * Only what is the same value in memory is found, which costs nothing to see.
 */

type Fields = { readonly [key: string]: Json };

/**
 * Where a command's body has what is in the data: `true` for all of it, else JSON pointers (RFC 6901) of one or two tokens, of
 * which the last is the name of the data's field.
 */
export type SameAsData = true | readonly string[];

/** Texts shorter than this are not longer than a pointer to them. */
const shortText = 16;

/** A body without what the other place has; `same` is left out where nothing is. */
interface Rest<S> {
  readonly rest?: Json;
  readonly same?: S;
}

/** A command's body without what is in the event's data. */
export function withoutData(body: Json, data: Fields): Rest<SameAsData> {
  if (!isFields(body)) return { rest: body };
  const same: string[] = [];
  const rest: Record<string, Json> = {};
  let fields = 0;
  let isAll = true;
  for (const key in body) {
    if (key === '__proto__') return { rest: body };
    fields++;
    const value = body[key] as Json;
    const isSame = value === data[key] && Object.hasOwn(data, key);
    isAll &&= isSame;
    if (isSame && isLong(value) && isPlainToken(key)) same.push(`/${key}`);
    else rest[key] = isFields(value) && !isSame && isPlainToken(key) ? withoutFields(value, data, key, same) : value;
  }
  if (isAll && fields === Object.keys(data).length) return { same: true };
  return same.length > 0 ? { rest, same } : { rest: body };
}

function withoutFields(value: Fields, data: Fields, under: string, same: string[]): Fields {
  let rest: Record<string, Json> | undefined;
  for (const key in value) {
    const field = value[key] as Json;
    if (key === '__proto__' || field !== data[key] || !isLong(field) || !isPlainToken(key) || !Object.hasOwn(data, key))
      continue;
    rest ??= { ...value };
    delete rest[key];
    same.push(`/${under}/${key}`);
  }
  return rest ?? value;
}

/** The inverse of {@link withoutData}. */
export function withData(rest: Json | undefined, same: SameAsData | undefined, data: Fields): Json {
  if (same === true) return data;
  if (same === undefined) return rest ?? null;
  const body: Record<string, Json> = { ...(rest as Fields | undefined) };
  for (const pointer of same) {
    const [, first = '', second] = pointer.split('/');
    if (second === undefined) body[first] = data[first] as Json;
    else body[first] = { ...(body[first] as Fields), [second]: data[second] as Json };
  }
  return body;
}

/** An effect's body without the fields that it has from the command's body; `same` has their names. */
export function withoutCommand(body: Json, command: Json | undefined): Rest<readonly string[]> {
  if (!isFields(body) || !isFields(command)) return { rest: body };
  let rest: Record<string, Json> | undefined;
  const same: string[] = [];
  for (const key in body) {
    const value = body[key] as Json;
    if (
      key === '__proto__' ||
      value !== command[key] ||
      !isLong(value) ||
      !isPlainToken(key) ||
      !Object.hasOwn(command, key)
    )
      continue;
    rest ??= { ...body };
    delete rest[key];
    same.push(key);
  }
  return rest ? { rest, same } : { rest: body };
}

/** The inverse of {@link withoutCommand}. */
export function withCommand(rest: Json, same: readonly string[], command: Json): Json {
  const body: Record<string, Json> = { ...(rest as Fields) };
  for (const key of same) body[key] = (command as Fields)[key] as Json;
  return body;
}

const isFields = (value: Json | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isLong = (value: Json): boolean =>
  typeof value === 'string' ? value.length >= shortText : typeof value === 'object' && value !== null;

/** Needs no escape in a pointer. */
const isPlainToken = (key: string): boolean => !key.includes('/') && !key.includes('~');
