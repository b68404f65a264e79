import { type AgentProfile, spawnedId } from '../actors/index.ts';
import type { Json } from '../kernel/envelope.ts';
import { isId } from '../kernel/ids.ts';
import { sentBytesMax, sentMessagesMax, spawnedBytesMax, spawnedMax } from './bounds.ts';
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

/** What a handler says of an agent that it spawns; what it does not say is filled in. */
export type SpawnInput = Pick<AgentProfile, 'name'> & Partial<Omit<AgentProfile, 'parentId' | 'subject'>>;

/**
 * The messages of one attempt, and the agents that it spawns. They go out with its completion and only there: so they are sent
 * once, and an attempt that fails has sent nothing.
 */
export class Mail {
  readonly #org: string;
  readonly #taskId: string;
  readonly #messages: SentMessage[] = [];
  readonly #spawned: Json[] = [];
  #bytes = 2;
  #spawnedBytes = 2;

  constructor(org: string, taskId: string) {
    this.#org = org;
    this.#taskId = taskId;
  }

  get messages(): readonly SentMessage[] {
    return this.#messages;
  }

  get spawned(): readonly Json[] {
    return this.#spawned;
  }

  /** As JSON. */
  get bytes(): number {
    return this.#bytes + this.#spawnedBytes;
  }

  /** Returns the id that the agent will have. Throws a TaskFailure for what is no profile, or one too many. */
  spawn(profile: SpawnInput): string {
    const { name } = Object(profile) as Partial<SpawnInput>;
    if (typeof name !== 'string' || name === '')
      throw unfit('agent_invalid', 'An agent is spawned with a profile that has a name.');
    if (this.#spawned.length >= spawnedMax)
      throw unfit('too_many_agents', `An attempt may spawn ${spawnedMax} agents; "${name.slice(0, 80)}" is one more.`);
    const text = asJson(profile as unknown as Json, 'agent_invalid');
    this.#spawnedBytes += Buffer.byteLength(text) + 1;
    if (this.#spawnedBytes > spawnedBytesMax)
      throw unfit(
        'agents_too_large',
        `The agents of an attempt may have ${spawnedBytesMax} bytes as JSON, all together.`,
      );
    return spawnedId(this.#org, this.#taskId, this.#spawned.push(JSON.parse(text) as Json) - 1);
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
    const text = asJson(payload, 'message_invalid');
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
function asJson(value: Json | undefined, code: string): string {
  try {
    return JSON.stringify(value ?? null) ?? 'null';
  } catch (error) {
    throw unfit(code, `What is sent is JSON; this is not: ${String(error)}`);
  }
}

const unfit = (code: string, message: string): TaskFailure => new TaskFailure(code, message, { retryable: false });
