import type { Msg } from '@nats-io/nats-core';
import { bodyLevelsMax, hopsMax } from '../bounds.ts';
import { micros, type Position, type Shard } from '../brand.ts';
import type { LaneMessage } from '../bus.ts';
import { unpack } from '../codec.ts';
import type { Envelope, Json } from '../envelope.ts';
import { isJson } from '../json.ts';
import { workerMessage } from '../worker-batch.ts';
import { HeaderBlock, headersOf } from './header-block.ts';
import { laneSubject, type Names } from './names.ts';

/**
 * Commands on the lanes (docs/nats.md, "Inside"): `astra.cmd.<shard>.<org>.<actorType>`, everything but the body in
 * headers. Who may publish to which subject is the server's permissions' business. A worker may publish batches, and
 * commands to its own actor: what comes on these two subjects is a worker's, whatever its headers say, and holds nothing
 * but a worker's verbs. What others send to a worker's actor has one token more, where no worker may publish.
 */
export const header = {
  to: 'Astra-To',
  command: 'Astra-Command',
  commandId: 'Astra-Command-Id',
  principal: 'Astra-Principal',
  replyTo: 'Astra-Reply-To',
  deadline: 'Astra-Deadline',
  keyed: 'Astra-Keyed',
  fingerprint: 'Astra-Fingerprint',
  correlation: 'Astra-Correlation-Id',
  causation: 'Astra-Causation-Id',
  hops: 'Astra-Hops',
  subject: 'Astra-Subject',
  idempotencyKey: 'Astra-Idempotency-Key',
  traceparent: 'traceparent',
  contentType: 'Content-Type',
} as const;

export const batchToken = 'batch';
const workerToken = 'worker';
const insideToken = 'inside';

/** Verbs a worker sends to its own actor. */
const registrationVerbs = new Set(['register', 'drain', 'stop']);

export function encodeCommand(
  names: Names,
  shard: Shard,
  envelope: Envelope,
): { subject: string; payload: Uint8Array; headers: HeaderBlock } {
  const h = new HeaderBlock();
  h.set(header.to, envelope.to.id);
  h.set(header.command, envelope.verb);
  h.set(header.commandId, envelope.id);
  h.set(header.principal, envelope.principal);
  h.set(header.correlation, envelope.correlationId);
  if (envelope.hops > 0) h.set(header.hops, String(envelope.hops));
  if (envelope.keyed !== undefined) h.set(header.keyed, envelope.keyed);
  if (envelope.fingerprint !== undefined) h.set(header.fingerprint, envelope.fingerprint);
  if (envelope.replyTo !== undefined) h.set(header.replyTo, envelope.replyTo);
  if (envelope.deadline !== undefined) h.set(header.deadline, String(envelope.deadline));
  if (envelope.causationId !== undefined) h.set(header.causation, envelope.causationId);
  if (envelope.traceparent !== undefined) h.set(header.traceparent, envelope.traceparent);
  if (envelope.subject !== undefined) h.set(header.subject, encodeURIComponent(envelope.subject));
  return {
    subject: insideSubject(names, shard, envelope),
    payload: Buffer.from(JSON.stringify(envelope.body)),
    headers: h,
  };
}

function insideSubject(names: Names, shard: Shard, { to }: Envelope): string {
  const subject = laneSubject(names, shard, to.org, to.type);
  return to.type === workerToken ? `${subject}.${insideToken}` : subject;
}

/** The body of a message by its Content-Type: JSON, or msgpack. Throws what the parser throws, or that it is no JSON. */
export function readBody(message: { data: Uint8Array }, contentType: string): Json {
  const { buffer, byteOffset, length } = message.data;
  if (length === 0) return null;
  const body: unknown = /^application\/(x-)?msgpack/.test(contentType)
    ? unpack(message.data)
    : JSON.parse(Buffer.from(buffer, byteOffset, length).toString('utf8'));
  if (!isJson(body, bodyLevelsMax)) throw new RangeError('expected JSON values, nested less deeply');
  return body;
}

/** Where an answer may go: under the reply subjects alone, so that nobody makes the kernel publish elsewhere. */
export function allowedReply(names: Names, replyTo: string | undefined, org: string | undefined): string | undefined {
  if (replyTo === undefined || replyTo === '' || /[\s*>]/.test(replyTo)) return undefined;
  const prefix = org === undefined ? `${names.root}.reply.` : `${names.root}.reply.${org}.`;
  return replyTo.startsWith(prefix) ? replyTo : undefined;
}

export function decodeLaneMessage(names: Names, message: Msg, position: LaneMessage['position']): LaneMessage {
  const [, , , org, type, sender] = message.subject.split('.') as [string, string, string, string, string, string?];
  const found = headersOf(message);
  const get = (name: string): string | undefined => found.get(name);
  const bytes = message.data.length;
  const trusted = type !== batchToken && (type !== workerToken || sender === insideToken);
  const replyTo = allowedReply(names, get(header.replyTo), trusted ? undefined : org);
  const together = type === batchToken && replyTo !== undefined ? { replyTo } : null;
  const own = type !== batchToken && replyTo !== undefined ? { replyTo } : null;
  const bad = (reason: string): LaneMessage => ({
    position,
    bytes,
    entries: [{ ok: false, reason, org, payload: message.data, ...own }],
    ...together,
  });
  let body: Json;
  try {
    body = readBody(message, get(header.contentType) ?? 'application/json');
  } catch {
    return bad(
      `expected a body in JSON, or in msgpack with Content-Type application/msgpack, nested at most ${bodyLevelsMax} deep`,
    );
  }
  if (type === batchToken) return { position, bytes, ...workerMessage(org, body, message.data, replyTo) };
  const to = get(header.to);
  const verb = get(header.command);
  const id = get(header.commandId);
  if (to === undefined || verb === undefined || id === undefined)
    return bad(`expected the headers ${header.to}, ${header.command} and ${header.commandId}`);
  const traceparent = get(header.traceparent);
  const common = {
    to: { org, type, id: to },
    verb,
    id,
    body,
    ...own,
    ...(traceparent === undefined ? null : { traceparent }),
  };
  if (!trusted) {
    if (!registrationVerbs.has(verb))
      return bad(`expected one of ${[...registrationVerbs].join(', ')} to a worker, found ${verb}`);
    const envelope: Envelope = { ...common, principal: `worker:${to}`, correlationId: id, hops: 0 };
    return { position, bytes, entries: [{ ok: true, envelope }] };
  }
  const hops = wholeOf(get(header.hops)) ?? 0;
  const deadline = wholeOf(get(header.deadline));
  const subject = percentDecoded(get(header.subject));
  if (!(hops <= hopsMax + 1) || Number.isNaN(deadline) || subject === malformed)
    return bad(`expected whole numbers in ${header.hops} and ${header.deadline}, ${header.subject} percent-encoded`);
  const keyed = get(header.keyed);
  const causation = get(header.causation);
  const fingerprint = get(header.fingerprint);
  const envelope: Envelope = {
    ...common,
    principal: get(header.principal) ?? 'unknown',
    correlationId: get(header.correlation) ?? id,
    hops,
    ...(keyed === 'command' || keyed === 'create' ? { keyed } : null),
    ...(fingerprint === undefined ? null : { fingerprint }),
    ...(deadline === undefined ? null : { deadline: micros(deadline) }),
    ...(causation === undefined ? null : { causationId: causation as Position }),
    ...(subject === undefined ? null : { subject }),
  };
  return { position, bytes, entries: [{ ok: true, envelope }] };
}

/** NaN for a text that is no whole number. */
const wholeOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;

const malformed = Symbol('malformed');

function percentDecoded(text: string | undefined): string | typeof malformed | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return malformed;
  }
}
