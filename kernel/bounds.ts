/** Every bound of the kernel: name, unit, reason. Sizes in bytes, spans in milliseconds. */

// — Messages and decisions —

/** Messages between the outside and the last one it causes; past it a message is parked (`cascade_too_deep`): two actors that answer each other for ever. */
export const hopsMax = 64;
/** Messages run in one batch of one command; the rest goes through the shard's channel to itself, so that no command holds its shard for long. */
export const cascadeMessagesMax = 512;
/** Bytes of events in one batch of one command, for the same reason. */
export const cascadeBytesMax = 4 * 1024 * 1024;
/** Commands of one worker's batch: they are decided in one unit, which nothing interrupts. */
export const batchEntriesMax = 1024;
/** Levels of lists and objects in a command's body, what carries the caller's own JSON included: what takes it apart calls itself. */
export const bodyLevelsMax = 160;
/** Bytes that a message of the bus needs beside an effect: its subject and headers. */
export const effectHeadroomBytes = 4096;
/** A command's body is recorded whole up to this; above it, its SHA-256. */
export const recordedBodyBytesMax = 16 * 1024;

// — Shards —

/** Commands that wait in memory for one shard before its lane is slowed down: one window of the prefetch. */
export const inboxCommandsMax = 1024;
/** Commands that wait for one actor, in that window and in its mailbox; past it its callers hear `mailbox_full`: the others have to come through. */
export const mailboxCommandsMax = 1000;
/** Bytes of its mailbox: a few are written with a snapshot at once. */
export const mailboxBytesMax = 512 * 1024;
/** Commands in the mailboxes of one org's actors on a shard before no more are kept for the org's sake: four actors' worth. */
export const orgMailboxCommandsMax = 4000;
/** Commands of one's own that have to wait in a lane before anybody is held to a share of it: fewer are decided within some ten milliseconds. */
export const sharedWindowMin = 256;
/** Commands of one actor among them before the next ones go into its mailbox: an eighth of a full window. */
export const actorShareMax = 128;
/** How long an org that was seen in a full window counts as one that others have to leave room for. */
export const orgSeenMs = 10_000;
/** Commands of a full mailbox that are decided at once for one that nobody waits for, and that comes behind them. */
export const mailboxReleaseMax = 32;
/** Messages of one lane that come at once before its shard reads on, to see what waits, and goes on deciding behind that: fewer are what comes of itself. */
export const laneBurstMin = 64;
/** Commands of a lane, decided or put off, before a mailbox has a turn: what is put off must not take as long as if it had been decided. */
export const laneInRowMax = 64;
/** Commands of a mailbox that are decided in one unit when it has its turn: an eighth of what the lane has. */
export const mailboxTurnMax = 8;
/** Commands of mailboxes that a shard decides before it lets the others go on: what they answer waits for the commit of all of them. */
export const mailboxesInTurnMax = 64;
/** Bytes of commands that are put into mailboxes at once: one event takes them. */
export const excessBytesMax = 256 * 1024;
/** Effects of other shards that are decided in a row while a lane or a mailbox waits: most of a shard is theirs, and not all of it. */
export const effectsInRowMax = 16;
/** Bytes of commands that wait in memory for one shard; past it callers hear `overloaded`, and the lane is slowed down: the largest plan, and as much again. */
export const inboxBytesMax = 16 * 1024 * 1024;
/** Bytes of commands that wait in memory for all shards of a process; past it callers hear `overloaded`. */
export const processInboxBytesMax = 128 * 1024 * 1024;
/** Messages that wait in memory for one shard before its lane is slowed down: refusals too, of which little more than the answer waits. */
export const inboxMessagesMax = 4096;
/** When a caller that was refused for want of room may come again: a full window has long been decided by then. */
export const overloadRetryMs = 1000;
/** Decided but uncommitted events of one shard before it stops deciding: what a failed commit throws away. */
export const uncommittedEventsMax = 16_384;
/** Decided but uncommitted bytes of one shard, for the same reason. */
export const uncommittedBytesMax = 16 * 1024 * 1024;
/** Decided but uncommitted inputs of one shard, whatever they came to: refusals make no events. */
export const uncommittedUnitsMax = 16_384;
/** Inputs that one shard decides before it lets the others go on: a few milliseconds. */
export const turnInputsMax = 256;
/** Actors and families that one shard keeps in memory before those that rest leave it early, and before open ones are written early. */
export const restingActorsMax = 4096;
/** How long an ended family stays in memory for what comes late, and an open one that waits for a time only, once it is written. */
export const restMs = 10_000;
/** How long an idle actor stays in memory for its next command. */
export const idleActorMs = 60_000;
/** Keyed commands that are looked up in memory before the table is asked: more than a shard can have uncommitted. */
export const recentCommandsMax = 32_768;

// — Commands that kill their process —

/** How long an owner has to live with open inputs before its shard is trusted: a command that waits has long been decided by then. */
export const probationMs = 1000;
/** Inputs that are run one a commit after an owner died early: more than it can have had under way on an idle store; what is further away is nearer the next time. */
export const carefulInputsMax = 64;
/** Deaths with one input under trial before that is parked: once may be anybody's. */
export const triesMax = 2;

// — Supervision —

/** Failures of an actor within a window before it is suspended, where its type does not say: a defect that comes again at once, not one a day. */
export const restartsMax = 3;
/** The window in which failures are counted, where its type does not say. */
export const restartWindowMs = 60_000;
/** How long an actor that failed is left alone first, with policy `backoff`: doubles with every failure in the window. */
export const backoffMinMs = 100;
/** How long it is left alone at most: callers wait no longer than that. */
export const backoffMaxMs = 30_000;

// — Snapshots —

/** An open actor's events wait this long for a snapshot: what ends sooner costs none. */
export const snapshotAfterMs = 30_000;
/** Events of its shard behind an open actor's, after which they wait no longer: a recovery folds them all, a few hundred a tenth of a second. */
export const snapshotTailEvents = 512;
/** Events of an idle actor that its next load would have to fold, before a snapshot spares them. */
export const snapshotEventsMin = 64;
/** The same for one that is busy, so that it is written seldom. */
export const busySnapshotEventsMin = 1024;
/** Actors whose state is encoded and written at once: a millisecond or two of the loop. */
export const snapshotActorsMax = 64;
/** Bytes of them, but for the last one. */
export const snapshotBytesMax = 256 * 1024;
/** Members of a family whose state a snapshot holds: five milliseconds of the loop. Past it, folding the events again costs no more than reading the state would. */
export const snapshotMembersMax = 500;
/** Keys of subjects that one snapshot is sealed with; a state that more have come into is folded anew each time. */
export const snapshotKeysMax = 16;
/** Events past which a shard notes again how far its snapshots are whole, when nothing else is to be written: what a recovery replays at most in vain. */
export const wholeToLagEvents = 1024;

// — Group commit —

/** Events of one commit. */
export const commitEventsMax = 4000;
/** Bytes of event bodies in one commit. */
export const commitBytesMax = 8 * 1024 * 1024;
/** Wait before a commit is tried again while Postgres does not answer: doubles up to the second bound. */
export const commitRetryMinMs = 50;
export const commitRetryMaxMs = 1000;

// — Ownership —

/** How long a lease keeps other kernels from a shard: what a crash costs until another one takes over. */
export const leaseMs = 2500;
/** Between two renewals of the leases: four may fail before one runs out. */
export const leaseRenewMs = 500;
/** Between looks at who lives, and so at how many shards are this process's share: what is left of three seconds after a lease, recovery needs. */
export const balanceMs = 250;
/** Between attempts to claim while there are fewer than the share: what another process gives back is taken at once. */
export const claimRetryMs = 50;
/** Between announcements of the heads. */
export const headsMs = 250;
/** Between looks at the store's time: it may have been set, and a kernel that commits nothing would not hear of it. */
export const clockMs = 5000;
/** An answer that took longer is not gone by: half of it is what the time read may be wrong by. */
export const clockAnswerMaxMs = 100;
/** Between announcements of a kernel's own figures. */
export const statsMs = 1000;
/** Before a bus that could not be inspected is tried again. */
export const busRetryMs = 250;
/** Between looks at whether the bus still knows what was consumed, beside those after every loss of the connection. */
export const inspectMs = 5000;
/** A clean stop waits this long for what was decided to be committed; what is left is derived again by the next owner. */
export const stopMs = 5000;
/** Between purges of lanes and channels. */
export const purgeMs = 1000;

// — Channels —

/** An effect that is not confirmed after this long is sent again. */
export const channelResendMs = 2000;
/** Effects of one shard that wait for confirmation before it holds its lane back. */
export const unconfirmedEffectsMax = 65_536;

// — Timers —

/** Resolution of the timing wheel. */
export const timerTickMs = 4;
/** How far ahead the timers of actors that are not in memory are known. */
export const timersAheadMs = 3_600_000;
/** Their list is made longer when it has become this much shorter. */
export const timersExtendMs = 600_000;
/** They are listed by slots of this length. */
export const agendaSlotMs = 10_000;
/** A slot is loaded this long before it begins. */
export const wakeAheadMs = 5000;
/** An actor that is due sooner than this stays in memory. */
export const restAheadMs = 60_000;
/** Actors that are loaded in one query. */
export const loadActorsMax = 256;

// — Dispatch and liveness —

/** Offers per free slot that a pool may have outstanding: one running, one on its way. */
export const offersPerFreeSlot = 2;
/** Offers a pool may have outstanding however few slots were heard of, and however small the process's share of the shards is. */
export const offersMin = 4;
/** Attempts of one WORK message. */
export const workMessageAttemptsMax = 16;
/** Bytes of one WORK message. */
export const workMessageBytesMax = 512 * 1024;
/** An offer that its actor refused is asked for again after this, if it still wants it. */
export const offerRetryMs = 30_000;
/** A task of priority p waits as one of p − 1 that became ready this much later: nothing starves. */
export const priorityAgeingMs = 10_000;
/** The n-th waiting task of a family waits as a lone one that became ready n times this later: a hundred a second before it yields to others. */
export const sameFamilySpacingMs = 10;
/** Silence after which a worker counts as lost. */
export const workerSilenceMs = 6000;
/** Between looks at who is silent. */
export const livenessMs = 500;
/** A loop this late has not listened: its silence proves nothing. */
export const loopLateMs = 1000;
/** Between a claim's commit and the first heartbeat that has to name it. */
export const heartbeatGraceMs = 2500;

// — Release —

/** Events of one shard that wait to be published on EVT before publishing falls back to the log. */
export const eventBacklogMax = 20_000;
/** Bytes of them, for all shards together not to fill memory while the bus is away. */
export const eventBacklogBytesMax = 4 * 1024 * 1024;
/** Bytes that a message on EVT needs beside its events: subject and headers. */
export const eventHeadroomBytes = 4096;
/** Wait before EVT is tried again. */
export const eventRetryMs = 1000;
