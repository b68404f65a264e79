import type { Json } from '../kernel/envelope.ts';
import { isId } from '../kernel/ids.ts';
import { sentBytesMax, sentMessagesMax } from './bounds.ts';
import { TaskFailure } from './task-failure.ts';

/** What a handler sends to another agent: a type, as for a signal, and any JSON. */
export interface Message {
  readonly type: string;
  readonly payload?: Json;
}

/** A message with its receiver, as the attempt's completion carries it. */
export interface SentMessage {
  readonly to: string;
  readonly type: string;
  readonly payload: Json;
}

/**
 * The messages of one attempt. They go out with its completion and only there: so they are sent once, and an attempt that fails
 * has sent nothing.
 */
export class Mail {
  readonly #messages: SentMessage[] = [];
  #bytes = 2;

  get messages(): readonly SentMessage[] {
    return this.#messages;
  }

  /** As JSON. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Throws a TaskFailure for what is no message, or one too many. */
  send(agentId: string, message: Message): void {
    if (typeof agentId !== 'string' || !isId('ag', agentId))
      throw unfit(
        'message_invalid',
        `A message goes to the id of an agent, ag_…; found "${String(agentId).slice(0, 80)}".`,
      );
    const { type, payload } = Object(message) as Partial<Message>;
    if (typeof type !== 'string' || type === '')
      throw unfit('message_invalid', 'A message is { type, payload? }, with a text as its type.');
    if (this.#messages.length >= sentMessagesMax)
      throw unfit('too_many_messages', `An attempt may send ${sentMessagesMax} messages; this is one more.`);
    const text = asJson(payload);
    const bytes = Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify({ to: agentId, type, payload: 0 }));
    if (this.#bytes + bytes > sentBytesMax)
      throw unfit(
        'messages_too_large',
        `The messages of an attempt may have ${sentBytesMax} bytes as JSON, all together.`,
      );
    this.#bytes += bytes;
    this.#messages.push({ to: agentId, type, payload: JSON.parse(text) as Json });
  }
}

/** As it is now: who sends may change it later. */
function asJson(payload: Json | undefined): string {
  try {
    return JSON.stringify(payload ?? null) ?? 'null';
  } catch (error) {
    throw unfit('message_invalid', `A payload is JSON; this one is not: ${String(error)}`);
  }
}

const unfit = (code: string, message: string): TaskFailure => new TaskFailure(code, message, { retryable: false });
