import { epoch, micros, seq, shard } from './brand.ts';
import { pack } from './codec.ts';
import type { LoggedCommit } from './edge.ts';
import { AstraError } from './errors.ts';
import type { StoredEvent } from './event.ts';
import { MsgpackReader } from './msgpack-reader.ts';

/**
 * The messages of stream LOG (docs/nats.md, "Listening out"): msgpack maps
 * `{ v: 1, shard, part, parts, events: [[seq, epoch, commitSeq, org, actorType, actorKey, version, type, schema, at, body, hash], …] }`,
 * the events of one commit of one shard, in parts when they do not fit into one message.
 */
const layoutVersion = 1;

/** Bytes an event takes beside its body, rounded up: names, numbers, key and hash. */
const eventOverheadBytes = 320;

type WireEvent = readonly [
  number,
  number,
  number,
  string,
  string,
  Uint8Array,
  number,
  string,
  number,
  number,
  Uint8Array,
  Uint8Array,
];

const toWire = (e: StoredEvent): WireEvent => [
  e.seq,
  e.epoch,
  e.commitSeq,
  e.org,
  e.actorType,
  e.actorKey,
  e.version,
  e.type,
  e.schema,
  e.at,
  e.body,
  e.hash,
];

/** One commit of one shard as messages, each at most `messageBytesMax` (a single event is always below it). */
export function encodeCommit(events: readonly StoredEvent[], messageBytesMax: number): readonly Buffer[] {
  const slices: StoredEvent[][] = [[]];
  let bytes = eventOverheadBytes;
  for (const event of events) {
    const size = event.body.length + eventOverheadBytes;
    if (bytes + size > messageBytesMax && (slices.at(-1) as StoredEvent[]).length > 0) {
      slices.push([]);
      bytes = eventOverheadBytes;
    }
    (slices.at(-1) as StoredEvent[]).push(event);
    bytes += size;
  }
  return slices.map((slice, index) =>
    pack({
      v: layoutVersion,
      shard: (slice[0] as StoredEvent).shard,
      part: index + 1,
      parts: slices.length,
      events: slice.map(toWire),
    }),
  );
}

/** Throws `corrupt` / `unreadable_bytes` when the message is of another layout. */
export function decodeCommit(bytes: Uint8Array): LoggedCommit {
  const wire = new MsgpackReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).value() as
    | { v: number; shard: number; part: number; parts: number; events: readonly WireEvent[] }
    | null
    | undefined;
  if (wire?.v !== layoutVersion || !Array.isArray(wire.events))
    throw new AstraError('corrupt', 'unreadable_bytes', `expected a LOG message of layout ${layoutVersion}`);
  const of = shard(wire.shard);
  return {
    shard: of,
    part: wire.part,
    parts: wire.parts,
    events: wire.events.map((e) => ({
      shard: of,
      seq: seq(e[0]),
      epoch: epoch(e[1]),
      commitSeq: seq(e[2]),
      org: e[3],
      actorType: e[4],
      actorKey: e[5] as Buffer,
      version: e[6],
      type: e[7],
      schema: e[8],
      at: micros(e[9]),
      body: e[10] as Buffer,
      hash: e[11] as Buffer,
    })),
  };
}
