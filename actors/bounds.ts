/** Every bound of the domain: name, unit, reason. Sizes in bytes, spans in milliseconds. */

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const hourMs = 3_600_000;

// — Input —

/** Levels of lists and objects in JSON: what takes it apart calls itself. */
export const jsonDepthMax = 128;

// — Plans and goals —

/** Tasks of one plan: a graph lives in one shard and in one process's memory. */
export const planTasksMax = 10_000;
/** Dependencies of one task, and of one goal. */
export const dependenciesMax = 1000;
/** A plan as JSON: what one message carries, less room for its envelope (docs/architecture.md, "Sizes"). */
export const planBytesMax = 8 * mebibyte - 256 * kibibyte;
/** Faults of a plan that one refusal names; what is beyond is counted. */
export const planFaultsMax = 1000;
/** Keys of a cycle that are printed; of a longer one the middle is counted. */
export const cyclePrintedMax = 16;
/** Input of one task, as JSON. */
export const taskInputBytesMax = 256 * kibibyte;
/** Input with the results it takes from upstream. */
export const resolvedInputBytesMax = 512 * kibibyte;
/** Result of one task, as JSON; larger output is an artifact. */
export const resultBytesMax = 256 * kibibyte;
/** Results of one goal: they stay in memory until it ends, for those downstream. */
export const goalResultsBytesMax = 16 * mebibyte;
/** Text of a goal, in characters. */
export const goalTextMax = 100_000;
/** Labels of a goal: every list that shows it carries them. */
export const labelsMax = 32;
/** A goal without a deadline of its own is cancelled after this: nothing stays open for ever (I8). */
export const goalDeadlineDefaultMs = 7 * 24 * hourMs;
/** The latest deadline a goal may ask for. */
export const goalDeadlineMaxMs = 365 * 24 * hourMs;
/** An approval that nobody gives expires. */
export const approvalMs = 24 * hourMs;
/** Goals that may wait for one: its end tells them all in one event. */
export const goalWatchersMax = 1000;
/** Tasks or goals told in one wave: fewer than the kernel runs in one cascade, and what one event can carry. */
export const waveMax = 400;

// — Tasks —

/** Attempts of one run of a task: what fails in passing has passed by then. */
export const maxAttemptsDefault = 3;
/** The most attempts a plan may ask for: each is three events. */
export const maxAttemptsMax = 100;
/** How long one attempt may take, when the plan does not say. */
export const timeoutDefaultMs = 300_000;
/** The longest that a plan may ask for: what takes longer is several tasks. */
export const timeoutMaxMs = 24 * hourMs;
/** The shortest wait between attempts, when the plan does not say. */
export const backoffMinDefaultMs = 500;
/** The longest wait between attempts, when the plan does not say. */
export const backoffMaxDefaultMs = 60_000;
/** The longest wait that a plan may ask for. */
export const backoffMaxMs = 24 * hourMs;
/** What the kernel waits beyond a task's own time-out, which the worker enforces. */
export const timeoutMarginMs = 10_000;
/** A queued attempt that nobody claimed is offered again. */
export const reofferMs = 30_000;
/** One that a worker has refused is offered again sooner: by then whoever lives has been heard, and it is known who is left. */
export const refusedReofferMs = 7000;
/** Between two TaskProgressed of one attempt. */
export const progressIntervalMs = 1000;
/** Artifacts of one attempt. */
export const artifactsMax = 256;
/** Text of an error, in characters: it goes into events. */
export const errorMessageMax = 4000;
/** Messages that one attempt sends: each is an effect of its completion. */
export const sentMessagesMax = 100;
/** Agents that one attempt spawns: each is several messages. */
export const spawnedMax = 16;
/** Their profiles, all together, as JSON: for the same reason as messages. */
export const spawnedBytesMax = 128 * kibibyte;
/** All messages of one attempt, as JSON: they are kept with its completion, and again with what carries them to other shards. */
export const sentBytesMax = 128 * kibibyte;
/** Workers that may refuse an attempt before it is given up. */
export const refusalsMax = 64;
/** An incarnation of a worker, in characters. */
export const incarnationMax = 64;

// — Agents —

/** Names of agents, and types of messages and signals, in characters: one line of a list. */
export const namesMax = 100;
/** A system prompt, in characters: it goes into one event. */
export const systemPromptMax = 100_000;
/** JSON of config and of metadata. */
export const agentJsonBytesMax = 64 * kibibyte;
/** Tags of one agent: every list that shows it carries them. */
export const tagsMax = 64;
/** Open goals of one agent, when its profile does not say. */
export const maxConcurrentGoalsDefault = 1000;
/** The most open goals an agent may be allowed: it holds an entry in memory for each. */
export const maxConcurrentGoalsMax = 1_000_000;
/** Children of one agent that have not stopped: its end tells them all in one event. */
export const childrenMax = 256;
/** Ancestors of an agent: what one of them causes reaches it within one chain of messages. */
export const agentDepthMax = 16;
/** Restarts of a child that a policy may allow within its window. */
export const maxRestartsMax = 100;
/** The shortest window in which restarts may be counted. */
export const restartWindowMinMs = 1000;
/** The longest window in which restarts may be counted. */
export const restartWindowMaxMs = hourMs;
/** Earlier versions of a profile that an agent can still tell: goals that were admitted with one may want it. */
export const formerProfilesMax = 32;
/** Payload of a message, as JSON. */
export const messageBytesMax = 256 * kibibyte;
/** Who personal data is about, in characters: a label, not the data. */
export const subjectMax = 128;
/** Text of a reason. */
export const reasonMax = 1000;

// — Workers —

/** Attempts that one worker runs at one time: each is named by every heartbeat. */
export const workerSlotsMax = 4096;
/** Pools that one worker serves: it reads a consumer for each pool and type. */
export const workerPoolsMax = 64;
/** Task types that one worker runs: it reads a consumer for each pool and type. */
export const workerTypesMax = 256;
/** Host, version or name of a driver, in characters. */
export const workerTextMax = 200;
/** Drivers of one worker. */
export const workerDriversMax = 16;
