import type { HttpResponse } from 'uWebSockets.js';
import { AstraError } from '../kernel/errors.ts';
import { bodiesBytesMax, discardedBytesMax, retryAfterMs } from './bounds.ts';

/** How a body came in. */
export type Received =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  /** Refused, and read to its end, so that its sender gets to read the answer. */
  | { readonly kind: 'refused'; readonly problem: AstraError }
  /** Refused, and not read: the connection has to be closed behind the answer. */
  | { readonly kind: 'cut'; readonly problem: AstraError };

/** Reads request bodies: each within its bound, and all together within {@link bodiesBytesMax}. */
export class RequestBodies {
  /** Bytes of the bodies that are on their way in. */
  #heldBytes = 0;

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Reads a body of at most `bytesMax`. With a `refusal` none of it is kept. `onDone` is called once; it is not called when
   * the client goes: `abandon`, which this returns, then gives back what was held.
   */
  read(
    response: HttpResponse,
    options: { readonly contentLength: string; readonly bytesMax: number; readonly refusal: AstraError | undefined },
    onDone: (received: Received) => void,
  ): { abandon(): void } {
    const { bytesMax } = options;
    const announced = Number(options.contentLength === '' ? 0 : options.contentLength);
    let problem = options.refusal ?? (announced > bytesMax ? tooLarge(bytesMax) : undefined);
    let chunks: Buffer[] = [];
    let bytes = 0;
    let held = 0;
    let isDone = false;
    const giveBack = (): void => {
      this.#heldBytes -= held;
      held = 0;
      chunks = [];
    };
    const done = (received: Received): void => {
      isDone = true;
      giveBack();
      onDone(received);
    };
    if (problem && announced > discardedBytesMax) {
      done({ kind: 'cut', problem });
      return { abandon: () => {} };
    }
    response.onData((data, isLast) => {
      if (isDone) return;
      bytes += data.byteLength;
      if (!problem && bytes > bytesMax) problem = tooLarge(bytesMax);
      if (!problem && this.#heldBytes + data.byteLength > bodiesBytesMax)
        problem = new AstraError('overloaded', 'overloaded', 'too many bodies are on their way into this gateway', {
          retryAfterMs,
        });
      if (problem) {
        giveBack();
        if (isLast) done({ kind: 'refused', problem });
        else if (bytes > discardedBytesMax) done({ kind: 'cut', problem });
        return;
      }
      // What the server hands over is its own memory, valid in this turn only.
      chunks.push(Buffer.from(new Uint8Array(data)));
      held += data.byteLength;
      this.#heldBytes += data.byteLength;
      if (isLast) done({ kind: 'whole', bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) });
    });
    return {
      abandon: () => {
        isDone = true;
        giveBack();
      },
    };
  }
}

const tooLarge = (bytesMax: number): AstraError =>
  new AstraError(
    'rejected',
    'body_too_large',
    `expected a body of at most ${bytesMax} bytes, found more: put what is large into an artifact, or split it`,
  );
