import type { HttpRequest } from 'uWebSockets.js';
import type { Parameter } from './route.ts';

/** The head of a request, copied: the server's own view of it ends with its handler's first turn. */
export interface RequestHead {
  readonly path: string;
  readonly query: string;
  readonly params: readonly string[];
  /** A header's value by its lower-case name; empty when it is absent. */
  readonly header: (name: HeaderName) => string;
}

/** What this gateway reads of the headers: nothing else is looked at, so nothing else can be believed. */
const names = [
  'astra-after',
  'astra-wait',
  'authorization',
  'content-length',
  'content-type',
  'idempotency-key',
  'if-none-match',
  'range',
  'traceparent',
  'transfer-encoding',
] as const;

export type HeaderName = (typeof names)[number];

/** Copies what a handler may need after it has waited for something. */
export function copyHead(request: HttpRequest, parameters: readonly Parameter[]): RequestHead {
  const headers = new Map<string, string>();
  for (const name of names) {
    const value = request.getHeader(name);
    if (value !== '') headers.set(name, value);
  }
  return {
    path: request.getUrl(),
    query: request.getQuery(),
    params: parameters.map((_, index) => request.getParameter(index) ?? ''),
    header: (name) => headers.get(name) ?? '',
  };
}

/** Reads a head in place, for what is answered in the same turn: no copy. */
export const liveHead = (request: HttpRequest, parameters: readonly Parameter[]): RequestHead => ({
  path: request.getUrl(),
  query: request.getQuery() ?? '',
  params: parameters.map((_, index) => request.getParameter(index) ?? ''),
  header: (name) => request.getHeader(name),
});
