import type { HttpResponse } from 'uWebSockets.js';
import { hash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { problemDocument } from './problems.ts';
import { matchesEtag } from './request-headers.ts';
import type { Answer } from './route.ts';

/** What is known of the request that is answered. */
export interface Asked {
  readonly requestId: string;
  /** HEAD: headers only. */
  readonly isHead: boolean;
  readonly ifNoneMatch: string;
}

/** One response, written once. After the client has gone, whatever is written is dropped. */
export class Responder {
  readonly response: HttpResponse;
  readonly asked: Asked;
  /** The status that was written; 0 while there is none. */
  status = 0;
  isAborted = false;
  /** The connection ends with this answer: what else comes in on it is not worth reading. */
  closes = false;
  /** Called when the client goes before the response is complete. */
  onAborted: (() => void) | undefined;

  constructor(response: HttpResponse, asked: Asked) {
    this.response = response;
    this.asked = asked;
  }

  /** What does not answer before the handler returns has to say so. */
  defer(): void {
    this.response.onAborted(() => {
      this.isAborted = true;
      this.onAborted?.();
    });
  }

  answer(answer: Answer): void {
    const { body } = answer;
    const text = body === undefined ? '' : JSON.stringify(body);
    const etag = answer.etag ?? (answer.isTagged ? `"${hash('sha256', text, 'base64url').slice(0, 22)}"` : undefined);
    if (etag !== undefined && matchesEtag(this.asked.ifNoneMatch, etag)) {
      this.begin(304, (response) => {
        response.writeHeader('ETag', etag);
        response.endWithoutBody();
      });
      return;
    }
    this.begin(answer.status, (response) => {
      if (body !== undefined) response.writeHeader('Content-Type', 'application/json');
      if (etag !== undefined) response.writeHeader('ETag', etag);
      if (answer.location !== undefined) response.writeHeader('Location', answer.location);
      if (answer.position !== undefined) response.writeHeader('Astra-Position', answer.position);
      if (answer.isReplayed) response.writeHeader('Idempotent-Replayed', 'true');
      this.#end(response, text);
    });
  }

  /** Answers with text that is no JSON answer: metrics, pages; `policy` says what a browser may do with it. */
  text(status: number, mediaType: string, text: string, policy?: string): void {
    this.begin(status, (response) => {
      response.writeHeader('Content-Type', mediaType);
      response.writeHeader('X-Content-Type-Options', 'nosniff');
      if (policy !== undefined) response.writeHeader('Content-Security-Policy', policy);
      this.#end(response, text);
    });
  }

  /** Answers with a problem document; `allow` goes with 405. */
  problem(error: unknown, allow?: string): void {
    const document = problemDocument(error, this.asked.requestId);
    this.begin(document.status, (response) => {
      response.writeHeader('Content-Type', 'application/problem+json');
      if (allow !== undefined) response.writeHeader('Allow', allow);
      if (document.status === 401) response.writeHeader('WWW-Authenticate', 'Bearer realm="astra"');
      if (document.retryAfterMs !== undefined)
        response.writeHeader('Retry-After', String(Math.ceil(document.retryAfterMs / 1000)));
      this.#end(response, JSON.stringify(document));
    });
  }

  /** Writes status and common headers; `rest` writes what follows, in the same packet. Nothing happens a second time. */
  begin(status: number, rest: (response: HttpResponse) => void): void {
    if (this.isAborted || this.status !== 0) return;
    this.status = status;
    this.response.cork(() => {
      if (status !== 200) this.response.writeStatus(`${status} ${STATUS_CODES[status]}`);
      this.response.writeHeader('Astra-Request-Id', this.asked.requestId);
      rest(this.response);
    });
  }

  #end(response: HttpResponse, text: string): void {
    if (this.asked.isHead) endHead(response, Buffer.byteLength(text));
    else response.end(text, this.closes);
  }
}

/**
 * Ends an answer to HEAD. The length is a header like others: a response that is told to report one without its body
 * never counts as ended for uWebSockets.js 20.51.
 */
export function endHead(response: HttpResponse, bytes: number): void {
  response.writeHeader('Content-Length', String(bytes));
  response.endWithoutBody();
}
