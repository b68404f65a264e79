import type { Publication } from './bus.ts';

/** What publications are handled in order for: those to one actor, or under one idempotency key; the others one by one. */
export function publicationKey({
  org,
  verb,
  idempotencyKey,
  sequence,
}: Pick<Publication, 'org' | 'verb' | 'idempotencyKey' | 'sequence'>): string {
  const target = verb.split('.').slice(2).join('.');
  return `${org}/${target !== '' ? target : (idempotencyKey ?? sequence)}`;
}
