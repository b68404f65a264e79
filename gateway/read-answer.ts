import type { Lookup } from '../projections/index.ts';
import { notFound } from './problems.ts';
import type { Answer } from './route.ts';

/** What is known of an id: itself, its history once it has left memory (307), or nothing (404). */
export function lookedUp(lookup: Lookup<unknown>, actorType: string, id: string): Answer {
  switch (lookup.kind) {
    case 'found':
      return { status: 200, body: lookup.view, etag: lookup.etag };
    case 'left':
      return { status: 307, location: historyOf(actorType, id) };
    case 'unknown':
      throw notFound(`${actorType} ${id}`);
  }
}

export const historyOf = (actorType: string, id: string): string => `/v1/history/${actorType}/${id}`;

/** A page, tagged by what is on it. */
export const listed = (page: unknown): Answer => ({ status: 200, body: page, isTagged: true });
