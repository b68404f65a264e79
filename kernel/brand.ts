/** Branded numbers: the same bytes at run time, different words to the type checker (docs/architecture.md, "Words"). */
declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A shard: 0 … shards − 1. */
export type Shard = Brand<number, 'Shard'>;
/** Place of an event in its shard's log: 1, 2, 3 … without gaps; 0 before the first. */
export type Seq = Brand<number, 'Seq'>;
/** Fencing number of a shard's ownership. */
export type Epoch = Brand<number, 'Epoch'>;
/** Counts how often the bus forgot. */
export type Generation = Brand<number, 'Generation'>;
/** Microseconds since 1970-01-01T00:00:00Z, by Postgres's clock. */
export type Micros = Brand<number, 'Micros'>;
/** `<shard>:<seq>`, the address of one event. */
export type Position = Brand<string, 'Position'>;

export const shard = (value: number): Shard => value as Shard;
export const seq = (value: number): Seq => value as Seq;
export const epoch = (value: number): Epoch => value as Epoch;
export const generation = (value: number): Generation => value as Generation;
export const micros = (value: number): Micros => value as Micros;

export const positionOf = (of: Shard, at: Seq): Position => `${of}:${at}` as Position;

const positionPattern = /^(0|[1-9]\d{0,4}):(0|[1-9]\d{0,15})$/;

/** Reads `<shard>:<seq>`; undefined when it is not one. */
export function parsePosition(text: string): { readonly shard: Shard; readonly seq: Seq } | undefined {
  const match = positionPattern.exec(text);
  return match ? { shard: shard(Number(match[1])), seq: seq(Number(match[2])) } : undefined;
}

/** `at` plus a span in milliseconds. */
export const plusMs = (at: Micros, ms: number): Micros => micros(at + ms * 1000);

/** RFC 3339 with milliseconds, UTC. */
export const toIso = (at: Micros): string => new Date(Math.floor(at / 1000)).toISOString();
