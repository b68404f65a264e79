import { headers, type Msg, type MsgHdrs } from '@nats-io/nats-core';
import type { Micros, Position, Shard } from '../brand.ts';
import type { LaneEntry, LaneMessage } from '../bus.ts';
import { unpack } from '../codec.ts';
import type { Envelope, Json } from '../envelope.ts';
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

const workerVerbs = new Set(['claim', 'decline', 'refuse', 'progress', 'complete', 'fail']);

/** Verbs a worker sends to its own actor. */
const registrationVerbs = new Set(['register', 'drain', 'stop']);

export function encodeCommand(
  names: Names,
  shard: Shard,
  envelope: Envelope,
): { subject: string; payload: Uint8Array; headers: MsgHdrs } {
  const h = headers();
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

/** The body of a message by its Content-Type: JSON, or msgpack. Throws what the parser throws. */
export function readBody(message: { data: Uint8Array }, contentType: string): Json {
  if (message.data.length === 0) return null;
  if (/^application\/(x-)?msgpack/.test(contentType)) return unpack(message.data) as Json;
  return JSON.parse(
    Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length).toString('utf8'),
  ) as Json;
}

/** Where an answer may go: under the reply subjects alone, so that nobody makes the kernel publish elsewhere. */
export function allowedReply(names: Names, replyTo: string | undefined, org: string | undefined): string | undefined {
  if (replyTo === undefined || replyTo === '' || /[\s*>]/.test(replyTo)) return undefined;
  const prefix = org === undefined ? `${names.root}.reply.` : `${names.root}.reply.${org}.`;
  return replyTo.startsWith(prefix) ? replyTo : undefined;
}

export function decodeLaneMessage(names: Names, message: Msg, position: LaneMessage['position']): LaneMessage {
  const [, , , org, type, sender] = message.subject.split('.') as [string, string, string, string, string, string?];
  const h = message.headers;
  const get = (name: string): string | undefined => h?.get(name) || undefined;
  const bytes = message.data.length;
  const trusted = type !== batchToken && (type !== workerToken || sender === insideToken);
  const replyTo = allowedReply(names, get(header.replyTo), trusted ? undefined : org);
  const bad = (reason: string): LaneMessage => ({
    position,
    bytes,
    entries: [{ ok: false, reason, org, payload: message.data }],
    ...(replyTo === undefined ? null : { replyTo }),
  });
  let body: Json;
  try {
    body = readBody(message, get(header.contentType) ?? 'application/json');
  } catch {
    return bad('expected a body in JSON, or in msgpack with Content-Type application/msgpack');
  }
  if (type === batchToken)
    return {
      position,
      bytes,
      entries: batchEntries(org, body, message.data),
      ...(replyTo === undefined ? null : { replyTo }),
    };
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
    ...(replyTo === undefined ? null : { replyTo }),
    ...(traceparent === undefined ? null : { traceparent }),
  };
  if (!trusted) {
    if (!registrationVerbs.has(verb))
      return bad(`expected one of ${[...registrationVerbs].join(', ')} to a worker, found ${verb}`);
    const envelope: Envelope = { ...common, principal: `worker:${to}`, correlationId: id, hops: 0 };
    return { position, bytes, entries: [{ ok: true, envelope }] };
  }
  const keyed = get(header.keyed);
  const deadline = get(header.deadline);
  const subject = get(header.subject);
  const causation = get(header.causation);
  const fingerprint = get(header.fingerprint);
  const envelope: Envelope = {
    ...common,
    principal: get(header.principal) ?? 'unknown',
    correlationId: get(header.correlation) ?? id,
    hops: Number(get(header.hops) ?? 0),
    ...(keyed === 'command' || keyed === 'create' ? { keyed } : null),
    ...(fingerprint === undefined ? null : { fingerprint }),
    ...(deadline === undefined ? null : { deadline: Number(deadline) as Micros }),
    ...(causation === undefined ? null : { causationId: causation as Position }),
    ...(subject === undefined ? null : { subject: decodeURIComponent(subject) }),
  };
  return { position, bytes, entries: [{ ok: true, envelope }] };
}

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function batchEntries(org: string, body: Json, payload: Uint8Array): readonly LaneEntry[] {
  if (!Array.isArray(body) || body.length === 0)
    return [{ ok: false, reason: 'expected a batch: a list of { to, command, id, body }', org, payload }];
  return body.map((entry: unknown): LaneEntry => {
    const bad = (reason: string): LaneEntry => ({
      ok: false,
      reason,
      org,
      payload: Buffer.from(JSON.stringify(entry)),
    });
    if (!isRecord(entry)) return bad('expected an entry { to, command, id, body }');
    const { to, command, id, body: inner } = entry;
    if (typeof to !== 'string' || typeof command !== 'string' || typeof id !== 'string' || !isRecord(inner))
      return bad('expected an entry { to, command, id, body } with text, text, text and an object');
    if (!workerVerbs.has(command)) return bad(`expected one of ${[...workerVerbs].join(', ')}, found ${command}`);
    const worker = typeof inner['worker'] === 'string' ? inner['worker'] : 'unknown';
    return {
      ok: true,
      envelope: {
        to: { org, type: 'task', id: to },
        verb: command,
        id,
        body: inner as Json,
        principal: `worker:${worker}`,
        correlationId: id,
        hops: 0,
      },
    };
  });
}
