import type { Json } from '../kernel/envelope.ts';
import { isJson as isJsonWithin, notJsonAt as notJsonWithin } from '../kernel/json.ts';
import { jsonDepthMax } from './bounds.ts';
import { token } from './pointer.ts';

/** Whether a value is JSON that may be stored, at most {@link jsonDepthMax} levels deep. */
export const isJson = (value: unknown): value is Json => isJsonWithin(value, jsonDepthMax);

/** Where it is not, as a pointer into it (RFC 6901). */
export const notJsonAt = (value: unknown): string | undefined =>
  notJsonWithin(value, jsonDepthMax)
    ?.map((key) => `/${token(key)}`)
    .join('');

/** Its size as JSON. */
export const jsonBytes = (value: Json): number => Buffer.byteLength(JSON.stringify(value));
