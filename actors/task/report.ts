import type { Json } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';
import { artifactsMax, errorMessageMax, sentBytesMax } from '../bounds.ts';
import { isFields } from '../command.ts';
import { readInput } from '../input.ts';
import { isJson, jsonBytes } from '../json.ts';
import type { Artifact, SentMessage, TaskError } from './events.ts';
import { sentMessages } from './input.ts';

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

/** The messages of a report: those that are sent, or what is wrong with them. */
export function messagesOf(value: Json | undefined): {
  readonly sent?: readonly SentMessage[];
  readonly error?: TaskError;
} {
  if (value === undefined || value === null) return {};
  try {
    const sent = readInput(sentMessages, value);
    const bytes = jsonBytes(sent);
    if (bytes <= sentBytesMax) return sent.length === 0 ? {} : { sent };
    return {
      error: {
        code: 'messages_too_large',
        message: `expected at most ${sentBytesMax} bytes of messages of one attempt, found ${bytes}`,
      },
    };
  } catch (error) {
    if (!(error instanceof AstraError)) throw error;
    return { error: { code: 'message_invalid', message: error.message.slice(0, errorMessageMax) } };
  }
}
