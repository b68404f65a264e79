import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { AstraError } from '../kernel/errors.ts';
import { admit } from './admission.ts';
import type { ApiKeys } from './api-keys.ts';
import { retryAfterMs } from './bounds.ts';
import { parseJson } from './json-body.ts';
import type { RouteMetrics } from './metrics.ts';
import { type Received, RequestBodies } from './request-body.ts';
import { copyHead, liveHead, type RequestHead } from './request-head.ts';
import { afterPosition, expectJson, idempotencyKey, traceParent, waitMs } from './request-headers.ts';
import { Responder } from './responder.ts';
import type { Call, ReadRoute, Route, StreamRoute, WriteRoute } from './route.ts';
import type { Services } from './services.ts';

/** Serves requests to declared routes: each answered once, with what its handler gives back or the problem it throws. */
export class Server {
  readonly #keys: ApiKeys;
  readonly #services: Services;
  readonly bodies = new RequestBodies();
  readonly #idPrefix: string;
  #requests = 0;
  #open = 0;
  #onQuiet = () => {};

  constructor(keys: ApiKeys, services: Services) {
    this.#keys = keys;
    this.#services = services;
    this.#idPrefix = services.random.bytes(5).toString('hex');
  }

  /** Requests that wait for something before they are answered. */
  get open(): number {
    return this.#open;
  }

  /** A handler for one route. */
  handler(route: Route, metrics: RouteMetrics): (response: HttpResponse, request: HttpRequest) => void {
    switch (route.kind) {
      case 'read':
        return (response, request) => this.#read(route, metrics, response, request);
      case 'write':
        return (response, request) => this.#write(route, metrics, response, request);
      case 'stream':
        return (response, request) => this.#stream(route, metrics, response, request);
    }
  }

  /** Answers what no route serves. */
  refuse(response: HttpResponse, request: HttpRequest, error: AstraError, allow?: string): void {
    const responder = this.#responder(response, request);
    const head = copyHead(request, []);
    responder.defer();
    this.#receive(responder, head, 0, error).catch(() => responder.problem(error, allow));
  }

  /** Resolves when every request that waits for an answer has one, or when `timeoutMs` are over. */
  quiet(timeoutMs: number): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#services.clock.after(timeoutMs, resolve);
      this.#onQuiet = () => {
        cancel();
        resolve();
      };
    });
  }

  #responder(response: HttpResponse, request: HttpRequest): Responder {
    return new Responder(response, {
      requestId: `${this.#idPrefix}-${(++this.#requests).toString(36)}`,
      // Never getMethod: it rewrites the method in place, and whoever asks behind it finds no HEAD any more.
      isHead: request.getCaseSensitiveMethod() === 'HEAD',
      ifNoneMatch: request.getHeader('if-none-match'),
    });
  }

  // — Reads: in one turn, from memory (I6) —

  #read(route: ReadRoute, metrics: RouteMetrics, response: HttpResponse, request: HttpRequest): void {
    const startedMs = this.#services.clock.monotonicMs();
    const responder = this.#responder(response, request);
    let wait: { readonly call: Call<unknown>; readonly position: string; readonly ms: number };
    try {
      const head = liveHead(request, route.params);
      const call = admit(route, head, this.#keys, this.#services);
      const after = head.header('astra-after');
      if (after === '') {
        responder.answer(route.answer(call, this.#services));
        metrics.record(responder.status, this.#secondsSince(startedMs));
        return;
      }
      wait = { call, position: afterPosition(after), ms: waitMs(head.header('astra-wait')) };
    } catch (error) {
      this.#fail(responder, route, error);
      metrics.record(responder.status, this.#secondsSince(startedMs));
      return;
    }
    responder.defer();
    void this.#during(responder, route, metrics, startedMs, async () => {
      await this.#reach(responder, wait.position, wait.ms);
      responder.answer(route.answer(wait.call, this.#services));
    });
  }

  /** Waits until reads reflect a position, or the client goes. Throws `position_timeout`, `overloaded`, `malformed_header`. */
  async #reach(responder: Responder, position: string, ms: number): Promise<void> {
    const gone = new Promise<'gone'>((resolve) => {
      responder.onAborted = () => resolve('gone');
    });
    const outcome = await Promise.race([this.#services.projections.waitFor(position, ms), gone]);
    responder.onAborted = undefined;
    switch (outcome) {
      case 'applied':
      case 'gone':
        return;
      case 'timeout':
        throw new AstraError(
          'unavailable',
          'position_timeout',
          `reads did not reflect ${position} within ${ms} ms: repeat, or ask without Astra-After`,
          { retryAfterMs },
        );
      case 'refused':
        throw new AstraError('overloaded', 'overloaded', 'too many requests wait for positions', { retryAfterMs });
      case 'unknown':
        throw new AstraError('rejected', 'malformed_header', 'Astra-After: expected a position of this database');
    }
  }

  // — Writes: head, body, command, answer behind its commit —

  #write(route: WriteRoute, metrics: RouteMetrics, response: HttpResponse, request: HttpRequest): void {
    const startedMs = this.#services.clock.monotonicMs();
    const responder = this.#responder(response, request);
    const head = copyHead(request, route.params);
    responder.defer();
    void this.#during(responder, route, metrics, startedMs, async () => {
      let call: Call<unknown> | undefined;
      let key: string | undefined;
      let refusal: unknown;
      try {
        call = admit(route, head, this.#keys, this.#services);
        if (route.body && !isBodiless(head)) expectJson(head.header('content-type'));
        key = idempotencyKey(head.header('idempotency-key'), route.refusesKey);
      } catch (error) {
        refusal = error;
      }
      const received = await this.#receive(responder, head, route.body?.bytesMax ?? 0, refusal);
      if (!received || !call) return;
      const body = route.body?.read(received.length === 0 && route.body.isOptional ? {} : parseJson(received));
      const answer = await route.answer(
        {
          ...call,
          method: route.method,
          path: head.path,
          body,
          idempotencyKey: key,
          traceparent: traceParent(head.header('traceparent')),
        },
        this.#services,
      );
      responder.answer(answer);
    });
  }

  /** The body; undefined when the client has gone. Throws the refusal once the body is out of the way. */
  async #receive(
    responder: Responder,
    head: RequestHead,
    bytesMax: number,
    refusal: unknown,
  ): Promise<Buffer | undefined> {
    const known = refusal === undefined || refusal instanceof AstraError ? refusal : asDefect(refusal);
    const received = await new Promise<Received | undefined>((resolve) => {
      if (responder.isAborted) return resolve(undefined);
      const { abandon } = this.bodies.read(
        responder.response,
        { contentLength: head.header('content-length'), bytesMax, refusal: known },
        resolve,
      );
      responder.onAborted = () => {
        abandon();
        resolve(undefined);
      };
    });
    responder.onAborted = undefined;
    if (!received) return undefined;
    if (received.kind === 'whole') return received.bytes;
    if (received.kind === 'cut') responder.closes = true;
    throw refusal ?? received.problem;
  }

  // — Streams: they write their answers themselves —

  #stream(route: StreamRoute, metrics: RouteMetrics, response: HttpResponse, request: HttpRequest): void {
    const startedMs = this.#services.clock.monotonicMs();
    const responder = this.#responder(response, request);
    const head = copyHead(request, route.params);
    responder.defer();
    void this.#during(responder, route, metrics, startedMs, async () => {
      const call = admit(route, head, this.#keys, this.#services);
      const after = head.header('astra-after');
      if (after !== '') await this.#reach(responder, afterPosition(after), waitMs(head.header('astra-wait')));
      await route.serve({ ...call, range: head.header('range') }, responder, this.#services);
    });
  }

  // — All of them —

  async #during(
    responder: Responder,
    route: Route,
    metrics: RouteMetrics,
    startedMs: number,
    work: () => Promise<void>,
  ): Promise<void> {
    this.#open++;
    try {
      await work();
    } catch (error) {
      this.#fail(responder, route, error);
    } finally {
      if (responder.status !== 0) metrics.record(responder.status, this.#secondsSince(startedMs));
      if (--this.#open === 0) this.#onQuiet();
    }
  }

  /** Answers with a problem; a defect goes to the log whole. */
  #fail(responder: Responder, { method, path }: Route, error: unknown): void {
    const { requestId } = responder.asked;
    if (!(error instanceof AstraError) || error.kind === 'corrupt' || error.kind === 'contained')
      this.#services.log.error({ requestId, method, path, err: error }, 'a request failed by a defect');
    responder.problem(error);
  }

  #secondsSince(startedMs: number): number {
    return (this.#services.clock.monotonicMs() - startedMs) / 1000;
  }
}

const isBodiless = (head: RequestHead): boolean => {
  const length = head.header('content-length');
  return (length === '' || length === '0') && head.header('transfer-encoding') === '';
};

const asDefect = (cause: unknown): AstraError => new AstraError('contained', 'internal', String(cause), { cause });
