/** Every bound towards Postgres: in milliseconds, bytes or events, as the name says. */

/** Until a connection stands. */
export const connectMs = 3000;
/** Idle time after which TCP asks whether the other side is still there. */
export const keepAliveMs = 10_000;
/** Until Postgres ends a statement by itself: nothing of it was written. Far beyond what a commit of 8 MiB takes. */
export const statementMs = 15_000;
/** Until an answer counts as lost: later than Postgres's own limit, so that only a dead connection gets here. */
export const answerMs = 20_000;
/** The same two for bulk reads. */
export const readStatementMs = 60_000;
export const readAnswerMs = 65_000;
/** Until a migration ends: it may have to rewrite a table. */
export const migrationMs = 600_000;
/** Times that a commit is tried again at once when Postgres gave up one of two transactions (deadlock, serialization). */
export const conflictRetriesMax = 5;
/** Connections for reading, per process. */
export const readConnectionsMax = 4;
/** Statements that read actors and are under way at once, per process: half of the connections, so that bulk reads find one. */
export const actorReadsMax = 2;
/** Actors that one such statement reads for all shards together; one shard's window may be more. */
export const actorsTogetherMax = 256;
/** Events of one page of a bulk read. */
export const readPageEvents = 2000;
/** Bytes of bodies in one page: a page has at least one event, whatever its size. */
export const readPageBytes = 8 * 1024 * 1024;
/** Events of a segment, a partition of `events`; `make_events_segment` (migrations/0001) has the same number. */
export const segmentEvents = 2 ** 20;
/** A shard this close to the end of its segment has the next one made: minutes at full speed. */
export const segmentAheadEvents = 2 ** 18;
/** Bytes of a chunk of an artifact. */
export const artifactChunkBytes = 1024 * 1024;
/** Bytes of an artifact that is kept in Postgres: larger ones need a file system or object store that roles share. */
export const artifactBytesMax = 256 * 1024 * 1024;
/** An upload without its end after this long has been given up, and is deleted. */
export const artifactUploadMs = 3_600_000;
/** Events of one page of a history. */
export const historyEventsMax = 1000;
/** Events of each shard that one page of the whole log looks at: 64 shards make 2,048. */
export const historyScanEvents = 32;
