import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { Unpackr } from 'msgpackr';
import { type Address, type IdFormat, idOf } from './address.ts';
import { recordedBodyBytesMax } from './bounds.ts';
import { type Position, shard } from './brand.ts';
import type { Envelope, Json } from './envelope.ts';
import { AstraError } from './errors.ts';
import type { EventOutline, EventRecord, RecordedCommand, RecordedEffect, StoredEvent } from './event.ts';
import type { SubjectKey } from './log.ts';
import { packValue } from './msgpack.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { type SameAsData, withCommand, withData, withoutCommand, withoutData } from './shared-body.ts';

/**
 * Bytes of events and messages: one plain msgpack value each (string keys, no extensions, no records), readable from
 * any language. Only this file, and state-codec.ts for snapshots, seal and open personal fields (docs/architecture.md, "Bytes");
 * what is sealed stays sealed in the log, in channels, in snapshots and on LOG.
 */
const unpackr = new Unpackr({ useRecords: false, moreTypes: false });

export const pack = packValue;

/** Throws `corrupt` / `unreadable_bytes` when the bytes are no msgpack value. */
export function unpack(bytes: Uint8Array): unknown {
  try {
    // Binary values come as views of the same kind as what they are read from: a Buffer.
    return unpackr.unpack(
      Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
  } catch (cause) {
    throw new AstraError('corrupt', 'unreadable_bytes', `expected one msgpack value in ${bytes.length} bytes`, {
      cause,
    });
  }
}

/** What personal fields read as once their subject was erased. */
export const erased = '[erased]';

/** AES-256-GCM over msgpack: `ct` ends with the 16-byte tag. */
interface Sealed {
  readonly kid: string;
  readonly nonce: Uint8Array;
  readonly ct: Uint8Array;
}

/** A subject's key, and where nonces of 12 bytes come from. */
export interface Sealer {
  readonly key: SubjectKey;
  nonce(): Uint8Array;
}

export type KeyLookup = (kid: string) => SubjectKey | undefined;

function seal(value: unknown, sealer: Sealer): Sealed {
  const nonce = sealer.nonce();
  const cipher = createCipheriv('aes-256-gcm', sealer.key.key, nonce);
  const ct = Buffer.concat([cipher.update(pack(value)), cipher.final(), cipher.getAuthTag()]);
  return { kid: sealer.key.kid, nonce, ct };
}

/** The sealed value; undefined when its key is gone. Throws `corrupt` when the key does not fit. */
function open(sealed: Sealed, keys: KeyLookup): unknown {
  const key = keys(sealed.kid);
  if (!key) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.key, sealed.nonce);
    decipher.setAuthTag(sealed.ct.subarray(-16));
    return unpack(Buffer.concat([decipher.update(sealed.ct.subarray(0, -16)), decipher.final()]));
  } catch (cause) {
    throw new AstraError('corrupt', 'unreadable_bytes', `personal data does not open with key ${sealed.kid}`, {
      cause,
    });
  }
}

/** An envelope as a msgpack map. Absent fields are absent keys. */
interface WireEnvelope {
  readonly org: string;
  readonly type: string;
  readonly to: string;
  readonly verb: string;
  readonly id: string;
  readonly body?: Json;
  readonly sealed?: Sealed;
  readonly by: string;
  readonly corr: string;
  readonly hops: number;
  readonly keyed?: 'command' | 'create';
  readonly fp?: string;
  readonly reply?: string;
  readonly deadline?: number;
  readonly cause?: string;
  readonly trace?: string;
  readonly subject?: string;
}

/** An envelope ready to be packed; with a sealer its body is sealed. */
export function wireEnvelope(of: Envelope, sealer?: Sealer): WireEnvelope {
  const wire: Writable<WireEnvelope> = {
    org: of.to.org,
    type: of.to.type,
    to: of.to.id,
    verb: of.verb,
    id: of.id,
    ...(sealer ? { sealed: seal(of.body, sealer) } : { body: of.body }),
    by: of.principal,
    corr: of.correlationId,
    hops: of.hops,
  };
  if (of.keyed !== undefined) wire.keyed = of.keyed;
  if (of.fingerprint !== undefined) wire.fp = of.fingerprint;
  if (of.replyTo !== undefined) wire.reply = of.replyTo;
  if (of.deadline !== undefined) wire.deadline = of.deadline;
  if (of.causationId !== undefined) wire.cause = of.causationId;
  if (of.traceparent !== undefined) wire.trace = of.traceparent;
  if (of.subject !== undefined) wire.subject = of.subject;
  return wire;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function fromWire(wire: WireEnvelope, keys: KeyLookup): Envelope {
  return {
    to: { org: wire.org, type: wire.type, id: wire.to },
    verb: wire.verb,
    id: wire.id,
    body: wire.sealed ? ((open(wire.sealed, keys) ?? erased) as Json) : (wire.body ?? null),
    principal: wire.by,
    correlationId: wire.corr,
    hops: wire.hops,
    ...(wire.keyed === undefined ? null : { keyed: wire.keyed }),
    ...(wire.fp === undefined ? null : { fingerprint: wire.fp }),
    ...(wire.reply === undefined ? null : { replyTo: wire.reply }),
    ...(wire.deadline === undefined ? null : { deadline: wire.deadline as Envelope['deadline'] & number }),
    ...(wire.cause === undefined ? null : { causationId: wire.cause as Position }),
    ...(wire.trace === undefined ? null : { traceparent: wire.trace }),
    ...(wire.subject === undefined ? null : { subject: wire.subject }),
  };
}

export const encodeEnvelope = (of: Envelope, sealer?: Sealer): Buffer => pack(wireEnvelope(of, sealer));

/** An envelope that was read, but not opened yet. */
export interface ReadEnvelope {
  readonly to: Address;
  /** The key that opens it, if it is sealed. */
  readonly kid: string | undefined;
  /** The body reads as {@link erased} when its key is gone. */
  open(keys: KeyLookup): Envelope;
}

/** Throws `corrupt` when the bytes are no envelope. */
export function readEnvelope(bytes: Uint8Array): ReadEnvelope {
  const wire = unpack(bytes) as WireEnvelope | null;
  if (typeof wire !== 'object' || wire === null || typeof wire.verb !== 'string' || typeof wire.to !== 'string')
    throw new AstraError('corrupt', 'unreadable_bytes', 'expected an envelope: { org, type, to, verb, id, … }');
  return {
    to: { org: wire.org, type: wire.type, id: wire.to },
    kid: wire.sealed?.kid,
    open: (keys) => fromWire(wire, keys),
  };
}

/** Throws `corrupt` when the bytes are no envelope. */
export const decodeEnvelope = (bytes: Uint8Array, keys: KeyLookup = () => undefined): Envelope =>
  readEnvelope(bytes).open(keys);

/** The stored body of an event, as a msgpack map. */
interface WireBody {
  readonly data: { readonly [key: string]: Json };
  readonly id: string;
  readonly by: string;
  /** Left out where it is the same as `id`. */
  readonly corr?: string;
  readonly cause?: string;
  readonly trace?: string;
  /** First event of a decision: what was asked, but for what is in `data`. */
  readonly verb?: string;
  readonly body?: Json;
  readonly same?: SameAsData;
  readonly sha256?: string;
  /** Personal fields of data, and the command's body. */
  readonly sealed?: Sealed;
  readonly effects?: readonly WireEffect[];
}

/** `same` names the fields that the envelope's body has from the command's. */
type WireEffect = readonly [to: number, n: number, envelope: WireEnvelope, same?: readonly string[]];

/** What an event's body is made of. */
export interface BodyParts {
  readonly data: object;
  readonly commandId: string;
  readonly principal: string;
  readonly correlationId: string;
  readonly causationId?: Position | undefined;
  readonly traceparent?: string | undefined;
  /** Present for the first event of a decision. */
  readonly command?: { readonly verb: string; readonly body: Json } | undefined;
  readonly effects?: readonly RecordedEffect[] | undefined;
  /** The fields of data that are personal. */
  readonly personal?: readonly string[] | undefined;
}

/** The bytes of an event's body; with a sealer, personal fields, command body and effects' bodies are sealed. */
export function encodeBody(parts: BodyParts, sealer?: Sealer): Buffer {
  const { command, effects } = parts;
  let data = parts.data as { readonly [key: string]: Json };
  let secret: { data?: Record<string, Json>; body?: Json } | undefined;
  if (sealer) {
    secret = {};
    const personal = parts.personal?.filter((field) => field in data) ?? [];
    if (personal.length > 0) {
      const hidden: Record<string, Json> = {};
      const shown: Record<string, Json> = { ...data };
      for (const field of personal) {
        hidden[field] = data[field] as Json;
        delete shown[field];
      }
      secret.data = hidden;
      data = shown;
    }
  }
  // Field by field, in this order: the bytes are hashed.
  const wire: Writable<WireBody> = {
    data,
    id: parts.commandId,
    by: parts.principal,
  };
  if (parts.correlationId !== parts.commandId) wire.corr = parts.correlationId;
  if (parts.causationId !== undefined) wire.cause = parts.causationId;
  if (parts.traceparent !== undefined) wire.trace = parts.traceparent;
  if (command) {
    wire.verb = command.verb;
    // What is sealed is sealed whole, under its own nonce.
    const { rest, same } = secret ? { rest: command.body } : withoutData(command.body, data);
    if (same !== true && !isRecordable(rest))
      wire.sha256 = createHash('sha256').update(pack(command.body)).digest('hex');
    else if (secret) secret.body = command.body;
    else {
      if (same !== true) wire.body = rest as Json;
      if (same !== undefined) wire.same = same;
    }
  }
  if (secret && sealer && (secret.data || 'body' in secret)) wire.sealed = seal(secret, sealer);
  if (effects && effects.length > 0)
    wire.effects = effects.map((effect) =>
      wireEffect(effect, wire.sha256 === undefined ? command?.body : undefined, sealer),
    );
  return pack(wire);
}

/** `command` is the recorded body; undefined where there is none. */
function wireEffect(
  { to, n, envelope }: RecordedEffect,
  command: Json | undefined,
  sealer: Sealer | undefined,
): WireEffect {
  if (sealer) return [to, n, wireEnvelope(envelope, sealer)];
  const { rest, same } = withoutCommand(envelope.body, command);
  return same ? [to, n, wireEnvelope({ ...envelope, body: rest as Json }), same] : [to, n, wireEnvelope(envelope)];
}

/** An effect's envelope with its whole body, as {@link wireEnvelope} made it. */
const wholeEnvelope = (envelope: WireEnvelope, same: readonly string[] | undefined, command: Json): WireEnvelope =>
  same ? { ...envelope, body: withCommand(envelope.body ?? null, same, command) } : envelope;

/** Whether a command's body is recorded whole, and not as its SHA-256. */
function isRecordable(body: Json | undefined): boolean {
  // Most are far below the bound, and packing them only to find out would be the costliest part of an event.
  return bytesAtMost(body, recordedBodyBytesMax) <= recordedBodyBytesMax || pack(body).length <= recordedBodyBytesMax;
}

/** An upper bound of the bytes that a value packs to; past `enough` it looks no further. */
function bytesAtMost(value: Json | undefined, enough: number): number {
  if (typeof value === 'string') return 5 + 3 * value.length;
  if (typeof value !== 'object' || value === null) return 9;
  let bytes = 5;
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) {
      bytes += bytesAtMost(item, enough - bytes);
      if (bytes > enough) return bytes;
    }
    return bytes;
  }
  const fields = value as { readonly [key: string]: Json | undefined };
  for (const key in fields) {
    bytes += 5 + 3 * key.length + bytesAtMost(fields[key], enough - bytes);
    if (bytes > enough) return bytes;
  }
  return bytes;
}

const sealedMark = Buffer.from('sealed');
const noKids: readonly string[] = [];

/** The key ids that are needed to open this body. */
export function kidsOfBody(body: Buffer): readonly string[] {
  if (!body.includes(sealedMark)) return noKids;
  const wire = unpack(body) as WireBody;
  if (!wire.sealed && !wire.effects) return [];
  const kids = wire.sealed ? [wire.sealed.kid] : [];
  for (const [, , envelope] of wire.effects ?? []) if (envelope.sealed) kids.push(envelope.sealed.kid);
  return kids;
}

/** What opening an event needs to know of the domain: id prefixes and personal fields by type. */
export interface EventShapes {
  /** The format of an actor type's ids. */
  ids(actorType: string): IdFormat | undefined;
  /** The personal fields of an event type's data. */
  personal(actorType: string, eventType: string): readonly string[];
}

/** How ids of this event's actor type are spelled. Throws `corrupt` when this program does not know it. */
function idFormatOf(stored: StoredEvent, shapes: EventShapes): IdFormat {
  const format = shapes.ids(stored.actorType);
  if (format) return format;
  throw new AstraError(
    'corrupt',
    'unknown_actor_type',
    `event ${stored.shard}:${stored.seq} is of actor type ${stored.actorType}, which this program does not know`,
  );
}

/** What was sealed in an event's body. */
interface Secret {
  readonly data?: { readonly [key: string]: Json };
  readonly body?: Json;
}

/** The data with its personal fields; without the secret they read as {@link erased}. */
const revealed = (
  data: { readonly [key: string]: Json },
  secret: Secret | undefined,
  { actorType, type }: StoredEvent,
  shapes: EventShapes,
): { readonly [key: string]: Json } => ({
  ...data,
  ...(secret ? secret.data : Object.fromEntries(shapes.personal(actorType, type).map((field) => [field, erased]))),
});

/**
 * A stored event as states and read models see it: most of a body (what was asked, and what it caused) is passed over.
 * Personal fields are opened, or {@link erased}. Throws `corrupt`.
 */
export function outlineEvent(stored: StoredEvent, shapes: EventShapes, keys: KeyLookup): EventOutline {
  const { prefix } = idFormatOf(stored, shapes);
  let data: WireBody['data'] = {};
  let traceparent: string | undefined;
  let sealed: Sealed | undefined;
  const body = new MsgpackReader(stored.body);
  for (let left = body.map(); left > 0; left--)
    switch (body.text()) {
      case 'data':
        data = body.value() as WireBody['data'];
        break;
      case 'trace':
        traceparent = body.text();
        break;
      case 'sealed':
        sealed = body.value() as Sealed;
        break;
      default:
        body.skip();
    }
  return {
    shard: stored.shard,
    seq: stored.seq,
    actor: { org: stored.org, type: stored.actorType, id: idOf(prefix, stored.actorKey) },
    type: stored.type,
    at: stored.at,
    data: sealed ? revealed(data, open(sealed, keys) as Secret | undefined, stored, shapes) : data,
    traceparent,
    kid: sealed?.kid,
  };
}

/** A stored event as a record: personal fields opened, or {@link erased}. Throws `corrupt`. */
export function openEvent(stored: StoredEvent, shapes: EventShapes, keys: KeyLookup = () => undefined): EventRecord {
  const format = idFormatOf(stored, shapes);
  const wire = unpack(stored.body) as WireBody;
  let data: Json = wire.data;
  let body: Json | undefined = withData(wire.body, wire.same, wire.data);
  if (wire.sealed) {
    const secret = open(wire.sealed, keys) as Secret | undefined;
    data = revealed(wire.data, secret, stored, shapes);
    if (wire.verb !== undefined && wire.sha256 === undefined) body = secret ? secret.body : erased;
  }
  const command: RecordedCommand | undefined =
    wire.verb === undefined
      ? undefined
      : {
          verb: wire.verb,
          principal: wire.by,
          ...(wire.sha256 === undefined ? { body: body ?? null } : { sha256: wire.sha256 }),
        };
  return {
    shard: stored.shard,
    seq: stored.seq,
    epoch: stored.epoch,
    commitSeq: stored.commitSeq,
    actor: { org: stored.org, type: stored.actorType, id: idOf(format.prefix, stored.actorKey) },
    version: stored.version,
    type: stored.type,
    schema: stored.schema,
    at: stored.at,
    data,
    commandId: wire.id,
    correlationId: wire.corr ?? wire.id,
    principal: wire.by,
    ...(wire.cause === undefined ? null : { causationId: wire.cause as Position }),
    ...(wire.trace === undefined ? null : { traceparent: wire.trace }),
    ...(command ? { command } : null),
    ...(wire.effects
      ? {
          effects: wire.effects.map(([to, n, envelope, same]) => ({
            to: shard(to),
            n,
            envelope: fromWire(wholeEnvelope(envelope, same, body ?? null), keys),
          })),
        }
      : null),
    ...(wire.sealed ? { kid: wire.sealed.kid } : null),
  };
}

/** The seqs and effects of a stored event without opening anything personal: what resending needs. */
export function sealedEffects(stored: StoredEvent): readonly { to: number; n: number; bytes: Buffer }[] {
  const wire = unpack(stored.body) as WireBody;
  if (!wire.effects) return [];
  const command = withData(wire.body, wire.same, wire.data);
  return wire.effects.map(([to, n, envelope, same]) => ({
    to,
    n,
    bytes: pack(wholeEnvelope(envelope, same, command)),
  }));
}
