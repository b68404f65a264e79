import type { Shard } from './brand.ts';
import type { Head, Subscription } from './bus.ts';
import type { Envelope, Json, Reply } from './envelope.ts';
import type { StoredEvent } from './event.ts';

/** The ports of the roles around the kernel: how a gateway and a worker see the bus. kernel/nats/ implements them. */

/** Sends commands and waits for their answers. */
export interface CommandClient {
  /**
   * Puts a command on its actor's lane and waits for the reply, which comes after the commit.
   * Throws `unavailable` when the bus does not take it, `overloaded` when a bound is reached, and
   * `indeterminate` / `outcome_unknown` when no answer came within `timeoutMs`: repeat with the same key.
   */
  send(envelope: Envelope, timeoutMs: number): Promise<Reply>;
  /** Whether the connection is up. */
  readonly connected: boolean;
}

/** What a gateway hears of commits. */
export interface CommitTail {
  /** Every commit on LOG from now on; after a loss of the connection it goes on where it can, and gaps are the reader's to repair. */
  onCommit(deliver: (commit: LoggedCommit) => void): Promise<Subscription>;
  onHeads(listener: (heads: readonly Head[]) => void): Promise<Subscription>;
  /** What kernels show of themselves, once a second (`KernelStats`). */
  onStats(listener: (owner: string, stats: Json) => void): Promise<Subscription>;
  onConnection(listener: (state: 'lost' | 'back') => void): void;
}

/** One commit of one shard, or a part of it (`part` of `parts`, from 1). */
export interface LoggedCommit {
  readonly shard: Shard;
  readonly part: number;
  readonly parts: number;
  readonly events: readonly StoredEvent[];
}

/** What a worker needs of the bus (docs/nats.md, "Working"). */
export interface WorkerLink {
  readonly connected: boolean;
  onConnection(listener: (state: 'lost' | 'back') => void): void;
  /** Messages of WORK for these routes, at most `credit()` attempts at a time asked for; high lanes first. */
  pull(org: string, routes: readonly { pool: string; type: string }[], options: PullOptions): Promise<Subscription>;
  /** Commands to tasks of one shard, one message; resolves with one reply for each. Errors as {@link CommandClient.send}. */
  sendBatch(shard: Shard, org: string, entries: readonly WorkerCommand[], timeoutMs: number): Promise<readonly Reply[]>;
  /** A question that the task lets through to an agent; resolves with that one's answer. Errors as {@link CommandClient.send}. */
  ask(shard: Shard, org: string, entry: WorkerCommand, timeoutMs: number): Promise<Reply>;
  /** A command to the worker's own actor: register, drain, stop. */
  sendWorker(org: string, worker: string, verb: string, id: string, body: Json, timeoutMs: number): Promise<Reply>;
  heartbeat(org: string, worker: string, payload: Json): void;
  /** What kernels say to this worker. */
  onControl(org: string, worker: string, listener: (message: Json) => void): Promise<Subscription>;
  /** A piece of a running task's output, to stream LOGS. Best effort. */
  sendOutput(org: string, taskId: string, payload: Json): void;
  close(): Promise<void>;
}

export interface PullOptions {
  /** How many attempts fit now; nothing is asked for at 0. Read before each request. */
  readonly credit: () => number;
  readonly deliver: (message: WorkMessage) => void;
}

/** One message of WORK: attempts of one route. `ack` once every claim in it is answered. */
export interface WorkMessage {
  readonly payload: Uint8Array;
  readonly redelivered: boolean;
  ack(): void;
}

/** One entry of a worker's batch. */
export interface WorkerCommand {
  /** A task's id. */
  readonly to: string;
  readonly command: 'claim' | 'decline' | 'refuse' | 'progress' | 'complete' | 'fail' | 'profile' | 'reach';
  /** `<taskId>:<attempt>:<verb>:<n>` */
  readonly id: string;
  readonly body: Json;
}
