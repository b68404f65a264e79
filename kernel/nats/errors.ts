import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { AstraError } from '../errors.ts';

/** JetStream's own codes (nats-server, server/errors.json). */
const noSpace = new Set([10047, 10023, 10077, 10122, 10167]);
const tooLarge = new Set([10054]);

/** A failure of NATS as an operating error. The only place where its texts and codes are read. */
export function natsError(error: unknown): AstraError {
  if (error instanceof AstraError) return error;
  const code = error instanceof JetStreamApiError ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if ((code !== undefined && noSpace.has(code)) || /maximum (bytes|messages)|insufficient/i.test(message))
    return new AstraError('overloaded', 'stream_full', 'a stream is at its bound: retry later', {
      cause: error,
      retryAfterMs: 1000,
    });
  if ((code !== undefined && tooLarge.has(code)) || /max(imum)?[ _]payload/i.test(message))
    return new AstraError('rejected', 'message_too_large', 'the message is larger than the server carries', {
      cause: error,
    });
  return new AstraError('unavailable', 'bus_unavailable', `NATS does not answer (${message})`, { cause: error });
}

/** Whether the server says that a stream, consumer or message is not there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof JetStreamApiError
    ? error.status === 404
    : error instanceof JetStreamError && /not found|404/.test(error.message);
