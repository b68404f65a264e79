/** Every bound of the worker and its sandboxes: name, unit, reason. Sizes in bytes, spans in milliseconds. */

// — Talking to the kernel —

/** Between heartbeats: a third of the silence after which a worker counts as lost. */
export const heartbeatMs = 2000;
/** An attempt whose shard was in no answer to a heartbeat for this long is stopped: its kernel has given it up by then. */
export const shardSilenceMs = 6000;
/** Between looks at which shards are silent. */
export const silenceLookMs = 500;
/** A look this late has not listened: answers may wait in the socket, so it judges nothing. */
export const lookLateMs = 1000;
/** A batch without an answer after this long is sent again, with the same command ids: an answer lost with its kernel holds up its shard for no longer. */
export const batchTimeoutMs = 3000;
/** Wait before a batch is sent again: doubles from the first to the second. */
export const batchRetryMinMs = 100;
export const batchRetryMaxMs = 5000;
/** Commands of one batch: what one decision turn of a shard takes. */
export const batchEntriesMax = 256;
/** Bytes of one batch: below the 1 MiB that every NATS server carries, with room for headers. */
export const batchBytesMax = 768 * 1024;
/** What a command takes beside its result, error and artifacts. */
export const commandBytes = 320;
/** A claim without an answer after this long is given up: its attempt was offered to somebody else by then. */
export const claimGiveUpMs = 60_000;
/** How long attempts beyond the free slots wait for one before they are declined: less than the round trip of an offer would cost. */
export const surplusHoldMs = 100;
/** Wait before a registration is tried again: doubles from the first to the second. */
export const registerRetryMinMs = 200;
export const registerRetryMaxMs = 5000;
/** How long the worker's own commands (register, drain, stop) may take. */
export const workerCommandTimeoutMs = 5000;
/** How long a stopping worker lets its attempts run on, unless told otherwise. */
export const stopGraceMs = 10_000;
/** How long a stopping worker waits for the answers to its last reports. */
export const lastReportsMs = 5000;
/** Between progress reports of one attempt: what the log keeps. */
export const progressMs = 1000;
/** A note beside a progress report. */
export const progressNoteCharsMax = 500;

// — Attempts —

/** A handler that does not settle this long after it was told to stop is abandoned, and its slot is free again. */
export const abandonMs = 5000;
/** A driver enforces the time limit itself; the worker does this much later. */
export const driverMarginMs = 2000;
/** A result, as JSON (docs/domain.md, "Task"); larger output is an artifact. */
export const resultBytesMax = 256 * 1024;
/** Messages that one attempt sends to other agents (docs/domain.md, "Task"). */
export const sentMessagesMax = 100;
/** All messages of one attempt, as JSON. */
export const sentBytesMax = 128 * 1024;
/** Agents that one attempt spawns. */
export const spawnedMax = 16;
/** Their profiles, all together, as JSON. */
export const spawnedBytesMax = 128 * 1024;
/** A question of an attempt that nothing answers is asked this often before it is given up. */
export const askTriesMax = 5;
/** Profiles of agents that a worker keeps: tasks of one goal ask for the same one. */
export const profilesKeptMax = 256;
/** An error message that travels in an event. */
export const errorCharsMax = 2000;

// — Output —

/** Output of an attempt before it is stopped (`output`), unless its limits say otherwise. */
export const outputBytesDefault = 16 * 1024 * 1024;
/** Output of an attempt that is streamed while it runs. */
export const streamedBytesMax = 1024 * 1024;
/** One message of streamed output. */
export const streamedMessageBytesMax = 32 * 1024;
/** How long output is gathered before it is streamed. */
export const streamGatherMs = 100;
/** What the stored log keeps of the beginning, and of the end, of an attempt's output. */
export const logHeadBytes = 1024 * 1024;
export const logTailBytes = 1024 * 1024;

// — Artifacts —

/** One artifact. */
export const artifactBytesMax = 256 * 1024 * 1024;
/** Artifacts of one attempt beside its log: they are listed in its event, which takes 256. */
export const artifactsMax = 255;
/** Bytes of all artifacts of one attempt. */
export const artifactBytesTotalMax = 1024 * 1024 * 1024;
/** How long an artifact is tried again while its store does not answer. */
export const artifactRetryForMs = 600_000;
/** The wait between: doubles from the first to the second. */
export const artifactRetryMinMs = 200;
export const artifactRetryMaxMs = 5000;
/** Entries of an output directory that are looked at. */
export const outputEntriesMax = 10_000;

// — Drivers —

/** Between SIGTERM and SIGKILL: a cancelled task is gone within a second. */
export const killGraceMs = 500;
/** How long the pipes of a process that has ended are read: to their end, unless something that was not found holds them open. */
export const pipeLingerMs = 2000;
/** Threads with one heap limit beyond the default, kept at a time. */
export const threadPoolsMax = 4;
/** The heap of a function that names no limit. */
export const threadHeapBytesDefault = 128 * 1024 * 1024;
/** The least heap a thread starts with. */
export const threadHeapBytesMin = 16 * 1024 * 1024;
/** How long an idle thread is kept. */
export const threadIdleMs = 60_000;

// — http —

/** Redirects followed. */
export const redirectsMax = 5;
/** A response body, unless the input says otherwise, and at most. */
export const responseBytesDefault = 1024 * 1024;
export const responseBytesMax = 64 * 1024 * 1024;
/** A response body that is part of the result; a larger one becomes an artifact. */
export const responseInlineBytesMax = 64 * 1024;
