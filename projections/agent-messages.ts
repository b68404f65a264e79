import { type Micros, positionOf, type Seq, type Shard, toIso } from '../kernel/brand.ts';
import type { Json } from '../kernel/envelope.ts';
import type { AgentMessageView } from './agent-view.ts';
import { messageBytesMax, messagesOfAgentMax } from './bounds.ts';

/** A message in an agent's mailbox. */
export interface AgentMessage {
  readonly createdAt: Micros;
  readonly shard: Shard;
  readonly seq: Seq;
  readonly type: string;
  readonly payload: Json;
  readonly from: string | undefined;
  readonly taskId: string | undefined;
}

/** What a message takes beside its payload. */
const messageOverheadBytes = 200;

/** Who has messages; the oldest is first. */
interface Mailbox {
  messages: AgentMessage[] | undefined;
}

interface Kept {
  readonly of: Mailbox;
  readonly message: AgentMessage;
  readonly bytes: number;
}

/** The messages of all agents: bounded for each, and in bytes for all; the oldest leave first. History has all of them. */
export class AgentMessages {
  #kept: Kept[] = [];
  #first = 0;
  #bytes = 0;

  add(of: Mailbox, message: AgentMessage): void {
    of.messages ??= [];
    of.messages.push(message);
    if (of.messages.length > messagesOfAgentMax) of.messages.shift();
    this.#keep({ of, message, bytes: messageOverheadBytes + (JSON.stringify(message.payload)?.length ?? 0) });
  }

  adopt(rebuilt: AgentMessages): void {
    for (const kept of rebuilt.#kept.slice(rebuilt.#first)) this.#keep(kept);
  }

  #keep(kept: Kept): void {
    this.#kept.push(kept);
    this.#bytes += kept.bytes;
    while (this.#bytes > messageBytesMax && this.#first < this.#kept.length - 1) {
      const oldest = this.#kept[this.#first++] as Kept;
      this.#bytes -= oldest.bytes;
      if (oldest.of.messages?.[0] === oldest.message) oldest.of.messages.shift();
    }
    if (this.#first > 1024 && this.#first * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#first);
      this.#first = 0;
    }
  }
}

export const messageView = (of: AgentMessage): AgentMessageView => ({
  position: positionOf(of.shard, of.seq),
  type: of.type,
  payload: of.payload,
  ...(of.from === undefined ? null : { from: of.from }),
  ...(of.taskId === undefined ? null : { taskId: of.taskId }),
  receivedAt: toIso(of.createdAt),
});
