/** Every bound of the read models and their engine: name, unit, reason. Sizes in bytes, spans in milliseconds. */

// — What stays in memory —

/** Tasks of ended goals that stay in memory; the goals that ended first leave first. Under 1 KiB each with small inputs and results. */
export const endedTasksMax = 1_000_000;
/** Bytes of the events of ended goals that stay in memory, for goals with large inputs and results. */
export const endedBytesMax = 1024 * 1024 * 1024;
/** Dead letters of commands and publications in memory; the oldest leave first. */
export const parkedCommandsMax = 100_000;
/** Messages of one agent in memory; the oldest leave first. */
export const messagesOfAgentMax = 200;
/** Bytes of message payloads of all agents in memory; the oldest leave first. */
export const messageBytesMax = 64 * 1024 * 1024;
/** Transitions of one task in memory; the oldest leave first, history has them. */
export const timelineEntriesMax = 200;
/** Different strings or small values of which one copy is kept. */
export const internedMax = 100_000;
/** Workers that are gone and stay in memory; the longest gone leave first. */
export const goneWorkersMax = 10_000;

// — Lists —

/** Items of one chunk of an ordered index: small enough to shift, large enough that there are few. */
export const indexChunkMax = 512;
/** Items that one page looks at before it ends early with a cursor: a few milliseconds. */
export const listScanMax = 20_000;
/** Bytes of results that one read of a goal composes; above it a task's result is `{ "$task": id }`. */
export const composedResultBytesMax = 1024 * 1024;

// — Stats —

/** What latencies and rates look back on: 10 slots of this. */
export const statsSlotMs = 30_000;
export const statsSlots = 10;
/** Orgs whose latencies are kept; those without events for longest leave first. */
export const statsOrgsMax = 1000;

/** How long a kernel's figures are shown after they were last heard: it says them every second. */
export const kernelFiguresMs = 5000;
/** Kernel processes whose figures are kept. */
export const kernelsMax = 256;

// — Engine —

/** Between two looks at Postgres's heads: how late a lost last message is found without NATS. */
export const headsPollMs = 2000;
/** A gap in what LOG brought is read from Postgres after this: parts of one commit arrive together. */
export const gapGraceMs = 50;
/** A head that is ahead of what was applied, with nothing arriving for this long, is read from Postgres: LOG lost the last message. */
export const behindGraceMs = 500;
/** Between two reports of the first scan's progress. */
export const progressMs = 500;
/** Reads of a failing log are tried again after this, doubling up to the second bound. */
export const retryMinMs = 100;
export const retryMaxMs = 2000;
/** Shards read from Postgres at once, on start and for repairs. */
export const shardReadsMax = 4;
/** Work between two turns of the event loop while the log is read: what a request may have to wait. */
export const sliceMs = 5;
/** Events of one shard that wait for a gap before them; past it they are dropped and read from Postgres later. */
export const pendingEventsMax = 20_000;
/** Bytes of events of all shards that wait for a gap or for the first scan. */
export const pendingBytesMax = 256 * 1024 * 1024;
/** Waits for positions at one time; past it a wait is refused. */
export const waitsMax = 10_000;
/** Longest wait for a position. */
export const waitMaxMs = 10_000;
/** Subjects' keys kept for opening personal fields. */
export const keysMax = 50_000;
