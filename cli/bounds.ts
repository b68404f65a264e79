/** Bounds of the command line and its supervisor: each with its unit and its reason. */

/** Longest wait for an HTTP answer: above the gateway's own longest wait for a position (10 s). */
export const requestTimeoutMs = 15_000;

/** How often `run` asks for the graph: quick enough to look live, far below what one gateway answers. */
export const followIntervalMs = 150;

/** Without a terminal nobody looks at a redraw: ask less often. */
export const followQuietIntervalMs = 400;

/** How long `run` bridges a gateway that is being restarted before it gives up. */
export const followOutageMs = 60_000;

/** Rows of tasks in the live view when the terminal does not say its height. */
export const viewRowsDefault = 40;

/** Tasks whose graph is drawn; above that the view shows counts, and what runs or failed. */
export const viewTasksMax = 500;

/** Largest plan file read: the gateway takes 8 MiB of JSON, YAML of the same plan is never four times as long. */
export const planFileBytesMax = 32 * 1024 * 1024;

/** The embedded servers: PostgreSQL may have a crash to recover from. */
export const serversStartMs = 120_000;

/** A role: recovery of 64 shards of a large log takes a while. */
export const roleStartMs = 60_000;

/** Kernels of one `astra up`: each takes up to 6 of the 100 connections that the embedded PostgreSQL has. */
export const kernelsMax = 8;

/** From the roles' word that they run to `/readyz` saying 200. */
export const gatewayReadyMs = 60_000;

/** Grace of each role in turn when all stop: a worker reports what it was doing first. */
export const roleStopMs = 12_000;

/** Grace of the embedded servers: PostgreSQL writes a checkpoint. */
export const serversStopMs = 30_000;

/** How long the embedded servers outlive a supervisor that was killed, so that the roles can stop first. */
export const serversOrphanMs = 15_000;

/** How often a server that starts or stops is looked at. */
export const serverPollMs = 20;

/** A server's log of earlier starts is put aside above this size: one old file is kept. */
export const serverLogBytesMax = 8 * 1024 * 1024;

/** What the embedded JetStream may keep on disk: ten times the bounded streams, so that work queues have room. */
export const natsStoreBytesMax = 32 * 1024 * 1024 * 1024;

/** What the embedded JetStream may keep in memory: nothing of ours is a memory stream, consumers' state is. */
export const natsMemoryBytesMax = 256 * 1024 * 1024;

/** First and longest pause before a role that died is started again. */
export const restartMinMs = 100;
export const restartMaxMs = 10_000;

/** A role that ran this long was well: its next restart pauses for the shortest time again. */
export const restartHealthyMs = 30_000;

/** Deaths before the role was ever ready, after which `up` gives up: the cause is no accident. */
export const startAttemptsMax = 3;

/** Lines of a role kept to say why it died. */
export const lastLinesKept = 20;

/** A line of a role's output; a longer one is cut. */
export const logLineCharactersMax = 16_384;

/** Free disk space below which `doctor` warns: a day of a busy log. */
export const diskFreeBytesMin = 1024 * 1024 * 1024;

/** How long `doctor` waits for each dependency. */
export const doctorTimeoutMs = 3_000;

/** Page of a list when following `--all`. */
export const listPage = 500;

/** How often a gateway that starts is asked whether it is ready. */
export const readyPollMs = 50;

/** A message of the embedded NATS: what a plan may take, and some (docs/architecture.md, "Sizes"). */
export const natsPayloadBytesMax = 8 * 1024 * 1024;

/** How long a stopping worker lets its tasks run on before it gives them back: well within `roleStopMs`. */
export const workerDrainMs = 3_000;
