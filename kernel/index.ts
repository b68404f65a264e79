export { type Address, addressKey, headId, type IdFormat, idOf, keyBytes, memberKey, shardOf } from './address.ts';
export {
  accept,
  type Behavior,
  type Cause,
  type DecideContext,
  type Decision,
  delegate,
  type Effect,
  type Fact,
  type Family,
  redirect,
  refuse,
  repeat,
  type Stamp,
  type Stamped,
  send,
  type Timer,
  type Work,
  type WorkRoute,
} from './behavior.ts';
export {
  type Epoch,
  epoch,
  type Generation,
  generation,
  type Micros,
  micros,
  type Position,
  parsePosition,
  plusMs,
  positionOf,
  type Seq,
  type Shard,
  seq,
  shard,
  toIso,
} from './brand.ts';
export type { Bus, Head, Publication, Subscription } from './bus.ts';
export { type Clock, SystemClock, wallMs } from './clock.ts';
export { type EventShapes, erased, type KeyLookup, kidsOfBody, openEvent } from './codec.ts';
export type {
  CommandClient,
  CommitTail,
  LoggedCommit,
  PullOptions,
  WorkerCommand,
  WorkerLink,
  WorkMessage,
} from './edge.ts';
export type { Envelope, Json, Reply } from './envelope.ts';
export { AstraError, type ErrorKind, type Fault, type Problem } from './errors.ts';
export type { EventRecord, RecordedCommand, RecordedEffect, StoredEvent } from './event.ts';
export { Histogram } from './histogram.ts';
export { decodeId, derivedId, encodeId, idTimeMs, isId, timeId } from './ids.ts';
export { type Kernel, type KernelOptions, type KernelStats, startKernel } from './kernel.ts';
export type { Log, LogMeta, ShardRow, SubjectKey } from './log.ts';
export { type Random, SystemRandom, seededRandom } from './random.ts';
export { Registry } from './registry.ts';
