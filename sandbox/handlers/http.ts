import { lookup } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { z } from 'zod';
import type { Json } from '../../kernel/envelope.ts';
import { redirectsMax, responseBytesDefault, responseBytesMax, responseInlineBytesMax } from '../bounds.ts';
import { defineHandler, type Handler, type HandlerContext } from '../handler.ts';
import type { Enforcement } from '../limits.ts';
import { checkAddress, checkUrl, hostOf, type NetworkPolicy } from '../network-policy.ts';
import { TaskFailure } from '../task-failure.ts';
import { touchesNothing } from './noop.ts';

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
/** Set by the connection itself. */
const ownHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
  'upgrade',
]);

const input = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  url: z.string().min(1).max(8192),
  headers: z
    .record(
      z
        .string()
        .regex(headerName, 'is no header name')
        .refine((name) => !ownHeaders.has(name.toLowerCase()), 'is set by the connection'),
      z
        .string()
        .max(8192)
        .refine((value) => !/[\r\n\0]/.test(value), 'must be one line'),
    )
    .default({}),
  /** A text is sent as it is; anything else as JSON. */
  body: z.json().optional(),
  /** Of this request, within the task's own time. */
  timeoutMs: z.number().int().min(1).max(3_600_000).optional(),
  /** Bytes of the response's body. */
  maxBytes: z.number().int().min(0).max(responseBytesMax).default(responseBytesDefault),
  /** Statuses that are no failure; 200 to 299 by default. */
  expect: z.array(z.number().int().min(100).max(599)).max(50).optional(),
});

type Input = z.output<typeof input>;

/** Statuses that may be gone when asked again. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const redirecting: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const enforces: Enforcement = {
  ...touchesNothing,
  network: {
    none: 'refuses every request',
    allowlist: "the worker's list of hosts, addresses checked after DNS",
    full: 'public addresses only, checked after DNS',
  },
};

/**
 * `http`: one request, its redirects followed and checked like itself. Result: `{ status, url, headers, body }`; the body
 * as JSON where it says so, as text, or as an artifact `body` when it is neither or large.
 */
export const http = (policy: NetworkPolicy): Handler =>
  defineHandler({
    type: 'http',
    input,
    enforces,
    run: async (ctx) => {
      const { input } = ctx;
      const limit = input.timeoutMs === undefined ? undefined : AbortSignal.timeout(input.timeoutMs);
      const signal = limit ? AbortSignal.any([ctx.signal, limit]) : ctx.signal;
      try {
        return await follow(ctx, signal, policy);
      } catch (error) {
        if (ctx.signal.aborted) throw ctx.signal.reason;
        if (limit?.aborted) throw new TaskFailure('timeout', `No whole answer within ${input.timeoutMs} ms.`);
        throw error instanceof TaskFailure ? error : new TaskFailure('http_failed', describe(error));
      }
    },
  });

async function follow(ctx: HandlerContext<Input>, signal: AbortSignal, policy: NetworkPolicy): Promise<Json> {
  const { input, limits } = ctx;
  const mode = limits.network ?? policy.default ?? 'full';
  let url = checkUrl(input.url, mode, policy);
  let method: string = input.method;
  let body =
    input.body === undefined
      ? undefined
      : Buffer.from(typeof input.body === 'string' ? input.body : JSON.stringify(input.body));
  const headers = new Headers(input.headers);
  if (body && typeof input.body !== 'string' && !headers.has('content-type'))
    headers.set('content-type', 'application/json');
  if (url.username || url.password)
    headers.set(
      'authorization',
      `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`,
    );
  for (let redirects = 0; ; redirects++) {
    const response = await ask(url, method, headers, body, signal, policy);
    const status = response.statusCode ?? 0;
    const location = response.headers.location;
    if (!redirecting.has(status) || location === undefined || input.expect?.includes(status))
      return await result(ctx, response, status, url, method);
    response.destroy();
    if (redirects === redirectsMax)
      throw new TaskFailure(
        'too_many_redirects',
        `More than ${redirectsMax} redirects, the last one to ${location.slice(0, 200)}.`,
      );
    const next = checkUrl(location, mode, policy, url);
    // Credentials are for the origin they were meant for.
    if (next.origin !== url.origin)
      for (const name of ['authorization', 'cookie', 'proxy-authorization']) headers.delete(name);
    if (status === 303 || ((status === 301 || status === 302) && method === 'POST')) {
      if (method !== 'HEAD') method = 'GET';
      body = undefined;
      headers.delete('content-type');
    }
    url = next;
  }
}

async function ask(
  url: URL,
  method: string,
  headers: Headers,
  body: Buffer | undefined,
  signal: AbortSignal,
  policy: NetworkPolicy,
): Promise<IncomingMessage> {
  const host = hostOf(url);
  const addresses = isIP(host) ? [{ address: host, family: isIP(host) }] : await lookup(host, { all: true });
  // All of them, and the connection goes to one that was checked: a second look-up could give another.
  for (const { address } of addresses) checkAddress(url, address, policy);
  signal.throwIfAborted();
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const sent: Record<string, string | number> = {
    'user-agent': 'astra',
    accept: '*/*',
    ...Object.fromEntries(headers),
  };
  if (body) sent['content-length'] = body.length;
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      {
        protocol: url.protocol,
        hostname: host,
        ...(url.port ? { port: url.port } : {}),
        path: `${url.pathname}${url.search}`,
        method,
        headers: sent,
        agent: false,
        signal,
        lookup: (_name, options, answer) => {
          const [first] = addresses;
          if (options.all) answer(null, addresses);
          else answer(null, first?.address ?? '', first?.family ?? 4);
        },
      },
      resolve,
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function result(
  ctx: HandlerContext<Input>,
  response: IncomingMessage,
  status: number,
  url: URL,
  method: string,
): Promise<Json> {
  const { maxBytes, expect } = ctx.input;
  const bytesMax = Math.min(maxBytes, ctx.limits.outputBytes ?? maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > bytesMax) {
      response.destroy();
      throw new TaskFailure('response_too_large', `The response has more than ${bytesMax} bytes.`, {
        retryable: false,
      });
    }
    chunks.push(chunk as Buffer);
  }
  const bytes = Buffer.concat(chunks);
  const good = expect ? expect.includes(status) : status >= 200 && status < 300;
  const type = response.headers['content-type'] ?? '';
  if (!good)
    throw new TaskFailure('http_status', `${method} ${url.origin}${url.pathname} answered ${status}.`, {
      retryable: passing.has(status),
      details: { status, body: bytes.toString('utf8', 0, 2000) },
    });
  const headers: Record<string, Json> = {};
  for (const [name, value] of Object.entries(response.headers)) if (value !== undefined) headers[name] = value as Json;
  const answer = { status, url: `${url.origin}${url.pathname}${url.search}`, headers };
  if (bytes.length === 0) return { ...answer, body: null };
  const text = bytes.length <= responseInlineBytesMax ? textOf(bytes) : undefined;
  if (text === undefined)
    return { ...answer, body: { $artifact: (await ctx.artifact('body', bytes, type || undefined)).sha256 } };
  return { ...answer, body: /[/+]json\b/i.test(type) ? (jsonOf(text) ?? text) : text };
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** The text of UTF-8 bytes; undefined when they are none. */
function textOf(bytes: Buffer): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** What went wrong on the network, in its own words. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ');
  return error instanceof Error
    ? error.message || ((error as NodeJS.ErrnoException).code ?? error.name)
    : String(error);
}
