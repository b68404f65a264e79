/** Every bound towards Postgres, in milliseconds unless the name says otherwise. */

/** Until a connection stands. */
export const connectMs = 3000;
/** Until a statement answers; past it the connection is given up and a commit counts as of unknown outcome. */
export const statementMs = 20_000;
/** Until a bulk read delivers its next page. */
export const readMs = 60_000;
/** Connections for reading, per process. */
export const readConnectionsMax = 4;
/** Events a page of a bulk read. */
export const readPageEvents = 5000;
/** Events of a segment: a partition of `events`. */
export const segmentEvents = 2 ** 20;
/** A shard this close to the end of the last segment has the next one made. */
export const segmentAheadEvents = 2 ** 18;
/** Names in the dictionaries: codes are kept in memory for all of them. */
export const dictionaryEntriesMax = 1_000_000;
