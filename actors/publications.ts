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
import { orgName, readInput, reasonInput, subject as subjectName, taskId } from './input.ts';
import type { RequestContext } from './request.ts';
import { signalInput } from './task/input.ts';
import { signalTask } from './task/requests.ts';

/** Reads a body for the target that the subject ends with; `undefined` where it names none. */
type Read = (body: Json, target: string | undefined, context: RequestContext) => Envelope;

/** What may be published on `astra.in.<org>.<verb>` (docs/nats.md, "Publishing in"); the rest of the subject names the target. */
const verbs: Readonly<Record<string, Read>> = {
  'goal.submit': (body, target, context) => {
    expectNone(target);
    return submitGoal(readInput(goalInput, body), context);
  },
  'goal.cancel': (body, target, context) =>
    commandGoal(expectId('gl', target), 'cancel', readInput(reasonInput, body ?? {}), context),
  'agent.spawn': (body, target, context) => {
    expectNone(target);
    return spawnAgent(readInput(agentInput, body), context);
  },
  'agent.message': (body, target, context) =>
    messageAgent(expectId('ag', target), readInput(messageInput, body), context),
  'task.signal': (body, target, context) =>
    signalTask(readInput(taskId, target), readInput(signalInput, body), context),
};

export const publicationVerbs = Object.keys(verbs);

const invalid = (detail: string): AstraError => new AstraError('rejected', 'invalid_input', detail);

function expectId(prefix: string, target: string | undefined): string {
  if (target !== undefined && isId(prefix, target)) return target;
  throw invalid(`expected an id ${prefix}_… at the end of the subject, found ${target ?? 'nothing'}`);
}

function expectNone(target: string | undefined): void {
  if (target !== undefined) throw invalid(`expected nothing more at the end of the subject, found ${target}`);
}

/** A publication as a command. Throws `invalid_input`, `plan_invalid` and the like: it becomes a dead letter with that reason. */
export function publicationToCommand(
  publication: Pick<Publication, 'org' | 'verb' | 'contentType' | 'payload'> & {
    readonly idempotencyKey?: string;
    readonly traceparent?: string;
    readonly firstSeen?: boolean;
    readonly keyIsPlace?: boolean;
    readonly replyTo?: string;
  },
  { now, newId }: { readonly now: Micros; readonly newId: (prefix: string) => string },
): Envelope {
  const { org, verb, idempotencyKey, traceparent, replyTo } = publication;
  const [subject = '', action = '', ...rest] = verb.split('.');
  const name = `${subject}.${action}`;
  const read = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!read) throw invalid(`expected one of ${publicationVerbs.join(', ')} behind the org, found ${verb}`);
  if (!isOrg(org)) throw invalid(`expected an org of a-z, 0-9 and -, found ${org}`);
  const envelope = read(bodyOf(publication), rest.length === 0 ? undefined : rest.join('.'), {
    org,
    principal: 'publisher:nats',
    // With its target: the same key for another target is another request.
    route: verb,
    now,
    newId,
    ...(idempotencyKey === undefined ? null : { idempotencyKey }),
    ...(publication.firstSeen === true ? { firstSeen: true } : null),
    ...(publication.keyIsPlace === true ? { keyIsPlace: true } : null),
    ...(traceparent === undefined ? null : { traceparent }),
  });
  return replyTo === undefined ? envelope : { ...envelope, replyTo };
}

const isOrg = (text: string): boolean => orgName.safeParse(text).success;

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
      keyIsPlace: own === undefined,
    },
    { now, newId },
  );
}

/** A publication that cannot be understood, as the command that parks it. `unique` is 32 hex digits; the dead letter is on shard 0. */
export function parkPublication(publication: Publication, problem: Problem, unique: string): Envelope {
  const bytes = Buffer.from(unique, 'hex');
  bytes.writeUInt16BE(0, 0);
  const id = encodeId('dl', bytes);
  const { verb, contentType, idempotencyKey } = publication;
  const payload = Buffer.from(publication.payload);
  const encoding = payload.equals(Buffer.from(payload.toString('utf8'), 'utf8')) ? 'utf8' : 'base64';
  const subject = subjectOf(publication);
  return {
    to: { org: isOrg(publication.org) ? publication.org : 'default', type: 'dead-letter', id },
    verb: 'park',
    id: `park:${id}`,
    body: {
      origin: { source: 'publication', verb },
      error: problem as unknown as Json,
      count: 1,
      publication: {
        verb,
        contentType,
        payload: payload.toString(encoding),
        encoding,
        ...(idempotencyKey === undefined ? null : { idempotencyKey }),
      },
    },
    principal: 'kernel',
    correlationId: id,
    hops: 0,
    ...(subject === undefined ? null : { subject }),
  };
}

/** Whose data a body is that is not understood otherwise: it is kept sealed all the same. */
function subjectOf(publication: Publication): string | undefined {
  try {
    return subjectName.safeParse((bodyOf(publication) as { readonly subject?: unknown } | null)?.subject).data;
  } catch {
    return undefined;
  }
}
