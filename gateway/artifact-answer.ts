import type { Readable } from 'node:stream';
import { byteRange } from './byte-range.ts';
import { notFound } from './problems.ts';
import { matchesEtag } from './request-headers.ts';
import { endHead, type Responder } from './responder.ts';
import type { StreamCall } from './route.ts';
import type { Services } from './services.ts';

/**
 * Answers with the bytes of an artifact, as fast as the client takes them and no faster. They are what somebody's task
 * wrote: a browser is told to run none of it.
 */
export async function serveArtifact(
  { org, params: [sha256 = ''], range: rangeHeader }: StreamCall<unknown>,
  responder: Responder,
  { artifacts }: Services,
): Promise<void> {
  const info = await artifacts.stat(org, sha256);
  if (!info) throw notFound(`artifact ${sha256}`);
  const etag = `"${sha256}"`;
  const isKnown = matchesEtag(responder.asked.ifNoneMatch, etag);
  const range = isKnown ? undefined : byteRange(rangeHeader, info.size);
  const bytes = range ? range.end - range.start + 1 : info.size;
  const found = isKnown || responder.asked.isHead ? undefined : await artifacts.get(org, sha256, range);
  responder.begin(isKnown ? 304 : range ? 206 : 200, (response) => {
    response.writeHeader('ETag', etag);
    // The name of these bytes is their hash: they never change.
    response.writeHeader('Cache-Control', 'private, max-age=31536000, immutable');
    if (isKnown) {
      response.endWithoutBody();
      return;
    }
    response.writeHeader('Content-Type', 'application/octet-stream');
    response.writeHeader('X-Content-Type-Options', 'nosniff');
    response.writeHeader('Content-Security-Policy', "default-src 'none'; sandbox");
    response.writeHeader('Accept-Ranges', 'bytes');
    if (range) response.writeHeader('Content-Range', `bytes ${range.start}-${range.end}/${info.size}`);
    if (!found) endHead(response, bytes);
    else if (bytes === 0) response.end();
  });
  if (found && bytes > 0) await pump(found.content, bytes, responder);
  else found?.content.destroy();
}

/** Sends a stream of `total` bytes with the client's own speed; a client that goes ends it. */
async function pump(content: Readable, total: number, responder: Responder): Promise<void> {
  const { response } = responder;
  let resume = (_offset: number) => {};
  responder.onAborted = () => {
    content.destroy();
    resume(0);
  };
  try {
    if (responder.isAborted) return;
    // Once: uWebSockets.js 20.51 forgets a handler that is set in the turn of the one before.
    response.onWritable((offset) => {
      resume(offset);
      return true;
    });
    for await (const chunk of content) {
      const bytes = chunk as Buffer;
      let rest: Uint8Array = bytes;
      while (rest.length > 0 && !responder.isAborted) {
        let isTaken = false;
        let isOver = false;
        const from = response.getWriteOffset();
        response.cork(() => {
          [isTaken, isOver] = response.tryEnd(rest, total);
        });
        if (isOver) return;
        if (isTaken) break;
        const offset = await new Promise<number>((resolve) => {
          resume = resolve;
        });
        rest = rest.subarray(offset - from);
      }
      if (responder.isAborted) return;
    }
    throw new Error(`an artifact of ${total} bytes ended early`);
  } catch (error) {
    // The head is sent: only a broken connection can still say that something is missing.
    if (!responder.isAborted) {
      response.close();
      throw error;
    }
  } finally {
    content.destroy();
  }
}
