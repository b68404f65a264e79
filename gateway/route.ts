import { z } from 'zod';
import type { Caller, Scope } from './api-keys.ts';
import type { Responder } from './responder.ts';
import type { Services } from './services.ts';

/**
 * Routes are data: what a request must look like, who may send it, what comes back. The server, the 405s, the validation
 * and the OpenAPI document are all made from these declarations.
 */
export type Route = ReadRoute | WriteRoute | StreamRoute;

/** A variable part of a path: text that does not match names nothing, which is a 404. */
export interface Parameter {
  readonly name: string;
  readonly description: string;
  /** What it looks like, for the description. */
  readonly pattern: string;
  readonly matches: (text: string) => boolean;
}

/** One documented answer. */
export interface ResponseDoc {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** `application/json` by default, where there is a schema. */
  readonly mediaType?: string;
  /** Another media type it may come in. */
  readonly alsoAs?: string;
}

interface Declaration<Q> {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** The scope it takes; `open` needs no key. */
  readonly scope: Scope | 'open';
  readonly params: readonly Parameter[];
  readonly query: z.ZodType<Q>;
  /** By status. Problems that any route of its kind may answer are added by the description. */
  readonly responses: { readonly [status: number]: ResponseDoc };
}

/** What every handler knows of its request. */
export interface Call<Q> {
  readonly caller: Caller;
  readonly org: string;
  /** The variable parts of the path, in order. */
  readonly params: readonly string[];
  readonly query: Q;
}

/** What a handler gives back. */
export interface Answer {
  readonly status: number;
  /** Anything that JSON can say; undefined for an empty body. */
  readonly body?: unknown;
  /** A whole header value, quotes included. */
  readonly etag?: string;
  /** The tag is to be made from the body. */
  readonly isTagged?: boolean;
  readonly location?: string;
  /** `Astra-Position`. */
  readonly position?: string;
  /** `Idempotent-Replayed`. */
  readonly isReplayed?: boolean;
}

/** Answered from memory, at once (I6): no promise comes into it. */
export interface ReadRoute<Q = unknown> extends Declaration<Q> {
  readonly kind: 'read';
  readonly method: 'GET';
  answer(call: Call<Q>, services: Services): Answer;
}

export interface WriteCall<Q, B> extends Call<Q> {
  readonly method: string;
  /** As it was asked for, without the query. */
  readonly path: string;
  readonly body: B;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
}

/** Sends commands and answers behind their commits. */
export interface WriteRoute<Q = unknown, B = unknown> extends Declaration<Q> {
  readonly kind: 'write';
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly body: BodyDeclaration<B> | undefined;
  /** Why it takes no Idempotency-Key; absent where it takes one. */
  readonly refusesKey?: string;
  answer(call: WriteCall<Q, B>, services: Services): Promise<Answer>;
}

export interface BodyDeclaration<B> {
  /** For the description. */
  readonly schema: z.ZodType;
  /** The body as it is understood. Throws `rejected` with every fault. */
  read(body: unknown): B;
  readonly bytesMax: number;
  /** No body at all counts as `{}`. */
  readonly isOptional: boolean;
}

export interface StreamCall<Q> extends Call<Q> {
  /** The header `Range`, as it came. */
  readonly range: string;
}

/** Writes its answer itself: bytes, text, streams. */
export interface StreamRoute<Q = unknown> extends Declaration<Q> {
  readonly kind: 'stream';
  readonly method: 'GET';
  serve(call: StreamCall<Q>, responder: Responder, services: Services): Promise<void> | void;
}

type Given<R, Defaulted extends keyof R> = Omit<R, 'kind' | Defaulted> & Partial<Pick<R, Defaulted>>;

const nothing = z.strictObject({});

/** A read of memory: scope `read`, GET. */
export const read = <Q = Record<string, never>>(
  given: Given<ReadRoute<Q>, 'method' | 'scope' | 'params' | 'query'>,
): Route => ({ kind: 'read', method: 'GET', scope: 'read', params: [], query: nothing, ...given });

/** A command: scope `write`, POST. */
export const write = <B = undefined, Q = Record<string, never>>(
  given: Given<WriteRoute<Q, B>, 'method' | 'scope' | 'params' | 'query' | 'body'>,
): Route => ({ kind: 'write', method: 'POST', scope: 'write', params: [], query: nothing, body: undefined, ...given });

/** An answer that writes itself: scope `read`, GET. */
export const stream = <Q = Record<string, never>>(
  given: Given<StreamRoute<Q>, 'method' | 'scope' | 'params' | 'query'>,
): Route => ({ kind: 'stream', method: 'GET', scope: 'read', params: [], query: nothing, ...given });
