import { epoch, micros, type Shard, seq, shard } from './brand.ts';
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
  const message = new MsgpackReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  let v = 0;
  let of: Shard | undefined;
  let part = 0;
  let parts = 0;
  const events: StoredEvent[] = [];
  for (let left = message.map(); left > 0; left--)
    switch (message.text()) {
      case 'v':
        v = message.number();
        break;
      case 'shard':
        of = shard(message.number());
        break;
      case 'part':
        part = message.number();
        break;
      case 'parts':
        parts = message.number();
        break;
      case 'events':
        if (v !== layoutVersion || of === undefined) throw otherLayout();
        for (let more = message.list(); more > 0; more--) events.push(readEvent(message, of));
        break;
      default:
        message.skip();
    }
  if (of === undefined || events.length === 0) throw otherLayout();
  return { shard: of, part, parts, events };
}

/** In the order of {@link toWire}. */
function readEvent(message: MsgpackReader, of: Shard): StoredEvent {
  if (message.list() !== wireEventItems) throw otherLayout();
  return {
    shard: of,
    seq: seq(message.number()),
    epoch: epoch(message.number()),
    commitSeq: seq(message.number()),
    org: message.text(),
    actorType: message.text(),
    actorKey: message.bytes(),
    version: message.number(),
    type: message.text(),
    schema: message.number(),
    at: micros(message.number()),
    body: message.bytes(),
    hash: message.bytes(),
  };
}

const wireEventItems = 12;

const otherLayout = (): AstraError =>
  new AstraError('corrupt', 'unreadable_bytes', `expected a LOG message of layout ${layoutVersion}`);
