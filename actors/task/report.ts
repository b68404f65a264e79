import type { z } from 'zod';
import type { Address } from '../../kernel/address.ts';
import type { Json } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';
import { derivedId } from '../../kernel/ids.ts';
import { artifactsMax, errorMessageMax, sentBytesMax, spawnedBytesMax } from '../bounds.ts';
import { isFields } from '../command.ts';
import { readInput } from '../input.ts';
import { isJson, jsonBytes } from '../json.ts';
import type { Artifact, SentMessage, SpawnedAgent, TaskError } from './events.ts';
import { sentMessages, spawnedAgents } from './input.ts';

/** What workers report, read with care: it comes from outside. */

export const textOf = (value: Json | undefined, fallback: string): string =>
  typeof value === 'string' && value !== '' ? value.slice(0, errorMessageMax) : fallback;

const unsaid = 'the attempt failed without saying why';

export function errorOf(value: Json | undefined): TaskError {
  if (!isFields(value)) return { code: 'failed', message: textOf(value, unsaid) };
  const { code, message, retryable, details } = value;
  return {
    code: typeof code === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(code) ? code : 'failed',
    message: textOf(message, unsaid),
    ...(typeof retryable === 'boolean' ? { retryable } : null),
    ...(details !== undefined && isJson(details) && jsonBytes(details) <= errorMessageMax ? { details } : null),
  };
}

/** The artifacts of a report; undefined when one of them is none, or they are too many. */
export function artifactsOf(value: Json | undefined): readonly Artifact[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > artifactsMax) return undefined;
  const artifacts = (value as readonly Json[]).map(artifactOf);
  return artifacts.includes(undefined) ? undefined : (artifacts as readonly Artifact[]);
}

function artifactOf(value: Json): Artifact | undefined {
  if (!isFields(value)) return undefined;
  const { sha256, size, mediaType, name } = value;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (typeof mediaType !== 'string' || typeof name !== 'string') return undefined;
  return { sha256, size, mediaType: mediaType.slice(0, 200), name: name.slice(0, 500) };
}

/** What a report sends beside its result: what is sent, or what is wrong with it. */
type Sent<T> = { readonly all: readonly T[]; readonly error?: undefined } | { readonly error: TaskError };

export function messagesOf(value: Json | undefined): Sent<SentMessage> {
  const read = readSent(sentMessages, value, 'message_invalid');
  if (read.error || bytesOf(read.all) <= sentBytesMax) return read;
  const message = `expected at most ${sentBytesMax} bytes of messages of one attempt, found ${bytesOf(read.all)}`;
  return { error: { code: 'messages_too_large', message } };
}

/** The agents of a report, with the ids that follow from its task. */
export function spawnedOf(value: Json | undefined, task: Address, agentId: string): Sent<SpawnedAgent> {
  const read = readSent(spawnedAgents, value, 'agent_invalid');
  if (read.error) return read;
  if (bytesOf(read.all) > spawnedBytesMax) {
    const message = `expected at most ${spawnedBytesMax} bytes of agents of one attempt, found ${bytesOf(read.all)}`;
    return { error: { code: 'agents_too_large', message } };
  }
  return {
    all: read.all.map((profile, n) => ({
      id: spawnedId(task.org, task.id, n),
      profile: { ...profile, parentId: agentId, subject: null },
    })),
  };
}

/** The id of the agent that a task spawns as its n-th: the same in every attempt. */
export const spawnedId = (org: string, taskId: string, n: number): string =>
  derivedId('ag', org, 'spawn', taskId, String(n));

function readSent<T>(schema: z.ZodType<readonly T[]>, value: Json | undefined, code: string): Sent<T> {
  if (value === undefined || value === null) return none;
  try {
    return { all: readInput(schema, value) };
  } catch (error) {
    if (!(error instanceof AstraError)) throw error;
    return { error: { code, message: error.message.slice(0, errorMessageMax) } };
  }
}

const none = { all: [] };

const bytesOf = (all: readonly unknown[]): number => (all.length === 0 ? 0 : jsonBytes(all as Json));
