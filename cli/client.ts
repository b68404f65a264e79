import type { Json } from '../kernel/envelope.ts';
import { AstraError, type ErrorKind, type Fault } from '../kernel/errors.ts';
import { requestTimeoutMs } from './bounds.ts';
import type { Config } from './config.ts';
import { running, storedApiKey } from './data-directory.ts';
import { unavailableError, usageError } from './exit-code.ts';
import type { Secret } from './secret.ts';

/** A JSON object as the gateway sends it. */
export type Resource = { readonly [key: string]: Json | undefined };

/** A page of a list. */
export interface Page {
  readonly items: readonly Resource[];
  readonly nextCursor: string | null;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: Json;
  readonly idempotencyKey?: string;
  /** A position the answer must reflect (`Astra-After`). */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: Resource;
  /** `Astra-Position` of a write. */
  readonly position: string | undefined;
}

/** The gateway as the command line sees it. Problems become {@link AstraError}s whose message says what to do. */
export class Client {
  readonly url: string;
  readonly #key: Secret | undefined;

  constructor(url: string, key: Secret | undefined) {
    this.url = url.replace(/\/+$/, '');
    this.#key = key;
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await this.raw(method, path, options);
    const content = await response.text();
    const body = parse(content);
    if (!response.ok) throw problemError(response, body, this.url);
    return {
      status: response.status,
      body: (body ?? {}) as Resource,
      position: response.headers.get('astra-position') ?? undefined,
    };
  }

  async get(path: string, query?: RequestOptions['query'], after?: string): Promise<Resource> {
    return (await this.request('GET', path, { ...(query ? { query } : {}), after })).body;
  }

  async list(path: string, query: RequestOptions['query']): Promise<Page> {
    return (await this.get(path, query)) as unknown as Page;
  }

  post(path: string, body: Json = {}, idempotencyKey?: string): Promise<Answer> {
    return this.request('POST', path, { body, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) });
  }

  /** The response as it comes, for streams and bytes; only a gateway that does not answer throws. */
  async raw(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const target = new URL(this.url + path);
    for (const [name, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) target.searchParams.set(name, String(value));
    const headers: Record<string, string> = {};
    if (this.#key) headers['authorization'] = `Bearer ${this.#key.reveal()}`;
    if (options.body !== undefined) headers['content-type'] = 'application/json';
    if (options.idempotencyKey !== undefined) headers['idempotency-key'] = options.idempotencyKey;
    if (options.after !== undefined) headers['astra-after'] = options.after;
    try {
      return await fetch(target, {
        method,
        headers,
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        signal: options.signal ?? AbortSignal.timeout(requestTimeoutMs),
      });
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw unavailableError(
        'gateway_unreachable',
        `no gateway answers at ${this.url} (${reasonOf(cause)}): start one with "astra up", or name it with --url.`,
        cause,
      );
    }
  }
}

/** The client that flags, variables and the data directory describe. */
export function clientOf(config: Config): Client {
  const here = running(config.dataDir);
  const url = config.url ?? here?.url ?? `http://127.0.0.1:${config.port}`;
  return new Client(url, config.apiKey ?? storedApiKey(config.dataDir));
}

function parse(content: string): Resource | undefined {
  if (content === '') return undefined;
  try {
    const value = JSON.parse(content) as unknown;
    return typeof value === 'object' && value !== null ? (value as Resource) : undefined;
  } catch {
    return undefined;
  }
}

function problemError(response: Response, body: Resource | undefined, url: string): AstraError {
  const { status } = response;
  const code = typeof body?.['code'] === 'string' ? body['code'] : `http_${status}`;
  const detail = typeof body?.['detail'] === 'string' ? body['detail'] : `${url} answered ${status}`;
  if (status === 401)
    return usageError(
      code,
      `${detail} Give a key with --api-key or ASTRA_API_KEY, or run where "astra up" keeps its data directory.`,
    );
  const errors = Array.isArray(body?.['errors']) ? (body['errors'] as unknown as Fault[]) : undefined;
  const retryAfterMs = typeof body?.['retryAfterMs'] === 'number' ? body['retryAfterMs'] : undefined;
  return new AstraError(kindOf(status), code, detail, {
    ...(errors ? { errors } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function kindOf(status: number): ErrorKind {
  if (status === 409) return 'conflict';
  if (status === 429) return 'overloaded';
  if (status === 504) return 'indeterminate';
  if (status === 503 || status === 502) return 'unavailable';
  return status >= 500 ? 'contained' : 'rejected';
}

function reasonOf(cause: unknown): string {
  if (cause instanceof DOMException && cause.name === 'TimeoutError')
    return `no answer within ${requestTimeoutMs / 1000} s`;
  const inner = (cause as { cause?: { code?: string; message?: string } }).cause;
  if (inner?.code === 'ECONNREFUSED') return 'connection refused';
  return inner?.code ?? inner?.message ?? (cause as Error).message;
}
