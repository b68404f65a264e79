import type { Micros } from '../kernel/brand.ts';
import type { Publication } from '../kernel/bus.ts';
import { unpack } from '../kernel/codec.ts';
import type { Envelope, Json } from '../kernel/envelope.ts';
import { AstraError, type Problem } from '../kernel/errors.ts';
import { encodeId, isId } from '../kernel/ids.ts';
import { agentInput, messageInput } from './agent/input.ts';
import { messageAgent, spawnAgent } from './agent/requests.ts';
import { goalInput } from './goal/input.ts';
import { commandGoal, submitGoal } from './goal/requests.ts';
import { readInput, reasonInput, taskId } from './input.ts';
import type { RequestContext } from './request.ts';
import { signalInput } from './task/input.ts';
import { signalTask } from './task/requests.ts';

type Read = (body: Json, target: string, context: RequestContext) => Envelope;

/** What may be published on `astra.in.<org>.<verb>` (nats-contract.md, "Publishing in"); the rest of the subject names the target. */
const verbs: Readonly<Record<string, Read>> = {
  'goal.submit': (body, _target, context) => submitGoal(readInput(goalInput, body), context),
  'goal.cancel': (body, target, context) =>
    commandGoal(expectId('gl', target), 'cancel', readInput(reasonInput, body ?? {}), context),
  'agent.spawn': (body, _target, context) => spawnAgent(readInput(agentInput, body), context),
  'agent.message': (body, target, context) =>
    messageAgent(expectId('ag', target), readInput(messageInput, body), context),
  'task.signal': (body, target, context) =>
    signalTask(readInput(taskId, target), readInput(signalInput, body), context),
};

export const publicationVerbs = Object.keys(verbs);

function expectId(prefix: string, text: string): string {
  if (isId(prefix, text)) return text;
  throw new AstraError(
    'rejected',
    'invalid_input',
    `expected an id ${prefix}_… at the end of the subject, found ${text === '' ? 'nothing' : text}`,
  );
}

/** A publication as a command. Throws `invalid_input`, `plan_invalid` and the like: it becomes a dead letter with that reason. */
export function publicationToCommand(
  publication: Pick<Publication, 'org' | 'verb' | 'contentType' | 'payload'> & {
    readonly idempotencyKey?: string;
    readonly traceparent?: string;
    readonly firstSeen?: boolean;
    readonly replyTo?: string;
  },
  { now, newId }: { readonly now: Micros; readonly newId: (prefix: string) => string },
): Envelope {
  const [subject = '', action = '', ...rest] = publication.verb.split('.');
  const route = `${subject}.${action}`;
  const read = verbs[route];
  if (!read)
    throw new AstraError(
      'rejected',
      'invalid_input',
      `expected one of ${publicationVerbs.join(', ')} behind the org, found ${publication.verb}`,
    );
  if (!/^[a-z0-9-]{1,40}$/.test(publication.org))
    throw new AstraError('rejected', 'invalid_input', `expected an org of a-z, 0-9 and -, found ${publication.org}`);
  const { idempotencyKey, traceparent, replyTo } = publication;
  const envelope = read(bodyOf(publication), rest.join('.'), {
    org: publication.org,
    principal: 'publisher:nats',
    route,
    now,
    newId,
    ...(idempotencyKey === undefined ? null : { idempotencyKey }),
    ...(publication.firstSeen === true ? { firstSeen: true } : null),
    ...(traceparent === undefined ? null : { traceparent }),
  });
  return replyTo === undefined ? envelope : { ...envelope, replyTo };
}

function bodyOf({ contentType, payload }: Pick<Publication, 'contentType' | 'payload'>): Json {
  if (payload.length === 0) return null;
  try {
    if (/^application\/(x-)?msgpack/.test(contentType)) return unpack(payload) as Json;
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Json;
  } catch {
    throw new AstraError(
      'rejected',
      'malformed_json',
      `expected a body in JSON, or in msgpack with Content-Type application/msgpack, found ${payload.length} bytes of neither`,
    );
  }
}

/** The kernel's translation of IN: a publication without a key of its own is keyed by its place in the stream. */
export function translatePublication(
  publication: Publication,
  now: Micros,
  newId: (prefix: string) => string,
): Envelope {
  const own = publication.idempotencyKey;
  return publicationToCommand(
    {
      ...publication,
      idempotencyKey: own ?? `in:${publication.generation}:${publication.sequence}`,
      firstSeen: own === undefined && !publication.redelivered,
    },
    { now, newId },
  );
}

/** A publication that cannot be understood, as the command that parks it. `unique` is 32 hex digits; the dead letter is on shard 0. */
export function parkPublication(publication: Publication, problem: Problem, unique: string): Envelope {
  const bytes = Buffer.from(unique, 'hex');
  bytes.writeUInt16BE(0, 0);
  const org = /^[a-z0-9-]{1,40}$/.test(publication.org) ? publication.org : 'default';
  const id = encodeId('dl', bytes);
  const text = Buffer.from(publication.payload);
  const readable = text.equals(Buffer.from(text.toString('utf8'), 'utf8'));
  return {
    to: { org, type: 'dead-letter', id },
    verb: 'park',
    id: `park:${id}`,
    body: {
      origin: { source: 'publication', verb: publication.verb },
      error: problem as unknown as Json,
      count: 1,
      publication: {
        verb: publication.verb,
        contentType: publication.contentType,
        payload: text.toString(readable ? 'utf8' : 'base64'),
        encoding: readable ? 'utf8' : 'base64',
        ...(publication.idempotencyKey === undefined ? null : { idempotencyKey: publication.idempotencyKey }),
      },
    },
    principal: 'kernel',
    correlationId: id,
    hops: 0,
  };
}
