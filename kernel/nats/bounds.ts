/** Every bound towards NATS, in milliseconds unless the name says otherwise. */

/** Until a connection stands, and until an API request is answered. */
export const requestMs = 5000;
/** Until JetStream has acknowledged a message; past it the publish counts as not stored. */
export const pubAckMs = 5000;
/** Between pings of the server; two without an answer end the connection. */
export const pingMs = 2000;
/** Before a lost connection is tried again, with jitter. */
export const reconnectMs = 100;
/** Publishes of one connection without their acknowledgement; past it, publishing is `overloaded`. */
export const publishesInFlightMax = 65_536;
/** Commands of one client that wait for their answer; past it, sending is `overloaded`. */
export const repliesInFlightMax = 65_536;
/** Between looks at what waits too long. */
export const sweepMs = 50;
/** Between heartbeats of a reader's consumer. */
export const readerHeartbeatMs = 5000;
/** Silence of a reader's consumer after which it is made anew. */
export const readerSilenceMs = 15_000;
/** A consumer that nobody reads is removed by the server after this. */
export const readerInactiveMs = 30_000;
/** Before a reader that could not be made is tried again. */
export const readerRetryMs = 250;
/** A WORK message whose claims are not answered by then goes to another worker. */
export const workAckWaitMs = 10_000;
/** WORK messages of one route that workers may hold unacknowledged. */
export const workAckPendingMax = 20_000;
/** A long poll for WORK. */
export const pullExpiresMs = 5000;
/** Messages asked for in one pull. */
export const pullMessagesMax = 32;
/** Before a route whose durable does not exist yet is asked again. */
export const pullRetryMs = 500;
/** Publications forwarded at once, of different actors. */
export const ingressInFlightMax = 512;
/** A publication that was not forwarded by then is delivered again. */
export const ingressAckWaitMs = 10_000;
/** Before a publication that could not be forwarded is delivered again. */
export const ingressNakMs = 500;

const mebibyte = 1024 * 1024;
/** Default sizes of the streams, in bytes. */
export const streamBytes = {
  in: 1024 * mebibyte,
  cmd: 1024 * mebibyte,
  chan: 1024 * mebibyte,
  work: 1024 * mebibyte,
  log: 1024 * mebibyte,
  evt: 1024 * mebibyte,
  logs: 1024 * mebibyte,
} as const;
/** How long LOG keeps a commit: a reader that was away for longer reads Postgres. */
export const logAgeMs = 10 * 60_000;
/** How long EVT and LOGS keep a message. */
export const eventAgeMs = 60 * 60_000;
