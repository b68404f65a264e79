import type { Json } from '../kernel/envelope.ts';
import { isJson as isJsonWithin } from '../kernel/json.ts';
import { jsonDepthMax } from './bounds.ts';

/** Whether a value is JSON that may be stored. */
export const isJson = (value: unknown): value is Json => isJsonWithin(value, jsonDepthMax);

/** Its size as JSON. */
export const jsonBytes = (value: Json): number => Buffer.byteLength(JSON.stringify(value));
