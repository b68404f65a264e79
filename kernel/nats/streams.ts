import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { type Generation, generation, type Shard } from '../brand.ts';
import type { BusState } from '../bus.ts';
import { AstraError } from '../errors.ts';
import type { LanePosition } from '../log.ts';
import { eventAgeMs, logAgeMs, streamBytes } from './bounds.ts';
import { isMissing } from './errors.ts';
import type { Names } from './names.ts';

/** The least duplicate window a server allows: I3 does not rest on it. */
const leastDuplicateWindow = nanos(100);
const generationKey = 'astra-generation';

/** What a deployment may say about its streams. */
export interface StreamOptions {
  readonly replicas?: number;
  readonly bytes?: Partial<Record<keyof typeof streamBytes, number>>;
}

type Definition = Partial<StreamConfig> & { name: string };

/** The streams (docs/nats.md, "Streams"). */
export function definitions(names: Names, of: Generation, options: StreamOptions): readonly Definition[] {
  const { root } = names;
  const bytes = { ...streamBytes, ...options.bytes };
  const common = {
    storage: StorageType.File,
    num_replicas: options.replicas ?? 1,
    duplicate_window: leastDuplicateWindow,
    metadata: { [generationKey]: String(of) },
  };
  const queue = { ...common, retention: RetentionPolicy.Workqueue, discard: DiscardPolicy.New };
  const input = { ...common, retention: RetentionPolicy.Limits, discard: DiscardPolicy.New };
  const tail = { ...common, retention: RetentionPolicy.Limits, discard: DiscardPolicy.Old };
  return [
    { ...queue, name: names.in, subjects: [`${root}.in.>`], max_bytes: bytes.in },
    { ...input, name: names.cmd, subjects: [`${root}.cmd.>`], max_bytes: bytes.cmd },
    { ...input, name: names.chan, subjects: [`${root}.chan.>`], max_bytes: bytes.chan },
    { ...queue, name: names.work, subjects: [`${root}.work.>`], max_bytes: bytes.work },
    { ...tail, name: names.log, subjects: [`${root}.log.>`], max_bytes: bytes.log, max_age: nanos(logAgeMs) },
    {
      ...tail,
      name: names.evt,
      subjects: [`${root}.evt.>`, `${root}.audit.checkpoint`],
      max_bytes: bytes.evt,
      max_age: nanos(eventAgeMs),
    },
    { ...tail, name: names.logs, subjects: [`${root}.logs.>`], max_bytes: bytes.logs, max_age: nanos(eventAgeMs) },
  ];
}

async function infoOf(jsm: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The generation of a stream; undefined when it is not there. */
export async function generationOf(jsm: JetStreamManager, name: string): Promise<Generation | undefined> {
  const text = (await infoOf(jsm, name))?.config.metadata?.[generationKey];
  return text === undefined ? undefined : generation(Number(text));
}

/**
 * Whether the bus still knows what the log has consumed: every stream there, of this generation, and each lane's last
 * message the one that was seen, by its time. Streams of the first generation that are missing before anything was
 * consumed are made.
 */
export async function inspectStreams(
  jsm: JetStreamManager,
  names: Names,
  expected: Generation,
  lanes: ReadonlyMap<Shard, LanePosition>,
  options: StreamOptions,
): Promise<BusState> {
  const wanted = definitions(names, expected, options);
  const infos = new Map<string, StreamInfo>();
  const learn = async (name: string): Promise<void> => {
    const info = await infoOf(jsm, name);
    if (info) infos.set(name, info);
  };
  // CMD is made last and looked at first: where it is, another kernel that begins at the same time has made them all.
  await learn(names.cmd);
  await Promise.all(wanted.map(({ name }) => (name === names.cmd ? undefined : learn(name))));
  const highestSequence = Math.max(0, ...[...infos.values()].map(({ state }) => state.last_seq));
  const forgot = (reason: string): BusState => ({ state: 'forgot', reason, highestSequence });
  for (const [name, { config }] of infos)
    if (config.metadata?.[generationKey] !== String(expected))
      return forgot(
        `stream ${name} is of generation ${config.metadata?.[generationKey] ?? 'none'}, expected ${expected}`,
      );
  const consumed = [...lanes].filter(([, { sequence }]) => sequence > 0);
  const missing = wanted.filter(({ name }) => !infos.has(name));
  // Only of the first generation is there nothing before: those of later ones are made by whoever raises it.
  const began = consumed.length > 0 || infos.has(names.cmd) || expected > 1;
  if (missing.length > 0 && began) return forgot(`stream ${missing.map(({ name }) => name).join(', ')} is missing`);
  const cmdLast = [...missing].sort((a, b) => Number(a.name === names.cmd) - Number(b.name === names.cmd));
  for (const definition of cmdLast) await jsm.streams.add(definition);
  const faults = await Promise.all(consumed.map(([shard, position]) => laneFault(jsm, names, shard, position)));
  const fault = faults.find((text) => text !== undefined);
  return fault === undefined ? { state: 'level', highestSequence } : forgot(fault);
}

async function laneFault(
  jsm: JetStreamManager,
  names: Names,
  shard: Shard,
  position: LanePosition,
): Promise<string | undefined> {
  const { sequence, time } = position;
  const message = await jsm.streams.getMessage(names.cmd, { seq: sequence }).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (!message) return `lane ${shard} has no message ${sequence}`;
  const found = nanosOf(message.timestamp);
  return found === time ? undefined : `message ${sequence} of lane ${shard} is of ${found}, expected ${time}`;
}

/** RFC 3339 with up to nine digits, as nanoseconds since 1970. */
export function nanosOf(timestamp: string): string {
  const match = /^(.+?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(timestamp);
  if (!match) return '0';
  const seconds = BigInt(Date.parse(`${match[1]}${match[3]}`)) / 1000n;
  return String(seconds * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0')));
}

/**
 * Deletes and makes every stream, empty, with this generation, and with sequences beyond `beyondSequence`. IN comes last:
 * what is published there is forwarded to streams that stay. Throws `unavailable` where a later generation has begun:
 * somebody else was faster, or this process was asleep.
 */
export async function recreateStreams(
  jsm: JetStreamManager,
  names: Names,
  next: Generation,
  beyondSequence: number,
  options: StreamOptions,
): Promise<void> {
  const all = definitions(names, next, options);
  for (const definition of [
    ...all.filter(({ name }) => name !== names.in),
    ...all.filter(({ name }) => name === names.in),
  ]) {
    const found = await generationOf(jsm, definition.name);
    if (found !== undefined && found > next)
      throw new AstraError('unavailable', 'bus_unavailable', `stream ${definition.name} is of generation ${found}`);
    await jsm.streams.delete(definition.name).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
    await jsm.streams.add({ ...definition, first_seq: beyondSequence + 1 });
  }
}
