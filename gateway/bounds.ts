/** Every bound of the edge: name, unit, reason. Sizes in bytes, spans in milliseconds. */

// — Requests —

/** A body; what is larger is an artifact or a plan. */
export const bodyBytesMax = 1024 * 1024;
/** The body of `POST /v1/goals`: a plan takes what one message to the kernel carries. */
export const goalBodyBytesMax = 8 * 1024 * 1024;
/** Bodies that are on their way in at one time, all together: past it requests are shed before they cost memory. */
export const bodiesBytesMax = 128 * 1024 * 1024;
/** What of a refused body is read and dropped, so that its sender gets to read the answer; past it the connection is closed. */
export const discardedBytesMax = 32 * 1024 * 1024;
/** Lists and objects within each other in a body: who walks it must not run out of stack. */
export const jsonDepthMax = 128;
/** Characters of an Idempotency-Key. */
export const idempotencyKeyMax = 255;

// — Commands —

/** Commands that wait for their answers at one time; past it requests are shed. */
export const commandsInFlightMax = 4096;
/** How long an answer is waited for; then the outcome is unknown. */
export const commandTimeoutMs = 10_000;
/** A goal that another depends on may have been created a moment ago: how long a read model may take to hear of it. */
export const dependencyWaitMs = 500;
/** Between two looks for it. */
export const dependencyLookMs = 20;
/** Dead letters that one call redrives. */
export const redriveMax = 1000;
/** Dead letters that one call counts to tell what remains: walking a list takes time that reads would wait for. */
export const redriveCountedMax = 10_000;
/** Commands of one bulk redrive on their way at one time. */
export const redriveInFlightMax = 64;
/** What callers are told to wait when nothing better is known. */
export const retryAfterMs = 1000;

// — Reads —

/** Items of a page, when nobody says. */
export const limitDefault = 50;
/** Items of a page: what is made and serialized within one turn, while all others wait. */
export const limitMax = 500;
/** Wait for a position when `Astra-Wait` does not say. */
export const waitDefaultMs = 2000;
/** The longest wait for a position: shorter than what proxies allow a request. */
export const waitMaxMs = 10_000;

// — Output of tasks —

/** Open streams of this gateway. */
export const followersMax = 1000;
/** Between two looks whether the followed task has ended. */
export const followLookMs = 250;
/** Output of an ended task that still arrives: quiet for this long, and the stream ends. */
export const followQuietMs = 1000;
/** A comment on a quiet stream: proxies and the server itself cut silent connections (after 10 s at the earliest). */
export const followKeepAliveMs = 5000;
/** Bytes a slow reader of a stream may lag behind before it is dropped. */
export const followLagBytesMax = 1024 * 1024;
/** Bytes of output in one answer of `GET /v1/tasks/{id}/logs`. */
export const logsBytesMax = 4 * 1024 * 1024;
/** How long LOGS may take to give what it has of a task. */
export const logsWaitMs = 3000;

// — The process —

/** Between two looks at the API keys: how long a new key is unknown and a revoked one still works. */
export const keysRefreshMs = 2000;
/** Between two probes of what readiness needs. */
export const probeMs = 2000;
/** A probe without an answer for this long has failed. */
export const probeTimeoutMs = 5000;
/** How long requests that are being answered may take while the gateway stops. */
export const stopGraceMs = 10_000;
