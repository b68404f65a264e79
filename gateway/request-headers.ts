import { parsePosition } from '../kernel/brand.ts';
import { AstraError } from '../kernel/errors.ts';
import { idempotencyKeyMax, waitDefaultMs, waitMaxMs } from './bounds.ts';
import { malformedHeader } from './problems.ts';

/** Headers of requests: each checked, none believed about who asks. */

const visible = /^[\x21-\x7e]+$/;

/** `Idempotency-Key`; undefined when there is none, which is all there may be where it is `refused`. Throws `malformed_header`. */
export function idempotencyKey(header: string, refused?: string): string | undefined {
  if (header === '') return undefined;
  if (refused !== undefined) throw malformedHeader('Idempotency-Key', `none here: ${refused}`);
  if (header.length > idempotencyKeyMax || !visible.test(header))
    throw malformedHeader('Idempotency-Key', `1 to ${idempotencyKeyMax} visible ASCII characters`);
  return header;
}

/** `Astra-After`: a position this database may have. Throws `malformed_header`. */
export function afterPosition(header: string): string {
  if (!parsePosition(header))
    throw malformedHeader('Astra-After', 'a position <shard>:<seq> as an Astra-Position header gave it');
  return header;
}

/** `Astra-Wait` in milliseconds. Throws `malformed_header`. */
export function waitMs(header: string): number {
  if (header === '') return waitDefaultMs;
  const ms = /^\d{1,5}$/.test(header) ? Number(header) : Number.NaN;
  if (!(ms <= waitMaxMs)) throw malformedHeader('Astra-Wait', `milliseconds from 0 to ${waitMaxMs}`);
  return ms;
}

/** Whether a body may be read as JSON. Throws `unsupported_media_type`. */
export function expectJson(contentType: string): void {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  if (type.trim() === 'application/json' && (charset === undefined || /^charset="?utf-8"?$/.test(charset))) return;
  throw new AstraError(
    'rejected',
    'unsupported_media_type',
    `expected Content-Type: application/json, found ${contentType === '' ? 'none' : contentType.slice(0, 100)}`,
  );
}

/** A W3C trace context; anything else is as if absent, as its specification asks. */
export const traceParent = (header: string): string | undefined =>
  /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(header) ? header : undefined;

/** Whether `If-None-Match` names this entity tag. */
export function matchesEtag(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === '') return false;
  if (ifNoneMatch === etag || ifNoneMatch === '*') return true;
  return ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}
