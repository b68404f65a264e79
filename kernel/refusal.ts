import { inboxBytesMax, mailboxCommandsMax, overloadRetryMs, processInboxBytesMax } from './bounds.ts';
import type { LaneMessage } from './bus.ts';
import type { Envelope } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Inbox, Load } from './inbox.ts';
import type { Answer } from './unit.ts';

/** A message of a lane that waits to be decided; of one that is refused for want of room, only the answer does. */
export interface WaitingMessage extends LaneMessage {
  readonly refused?: Answer;
}

/**
 * Sheds load before it costs memory: a command past the bounds waits in its lane's order as its refusal alone, which a
 * commit lets out like all others. Only where somebody waits for the answer, and comes again: what nobody waits for, and the
 * batches of workers, whose reports end load, are held back on the bus instead.
 */
export function admitted(message: LaneMessage, waiting: Inbox<WaitingMessage>, load: Load): WaitingMessage {
  const entry = message.entries.length === 1 && message.replyTo === undefined ? message.entries[0] : undefined;
  if (!entry?.ok || entry.envelope.replyTo === undefined) return message;
  const problem = shortage(entry.envelope, message.bytes, waiting, load);
  if (!problem) return message;
  const { position } = message;
  return {
    position,
    entries: [],
    bytes: 0,
    refused: { replyTo: entry.envelope.replyTo, reply: { ok: false, problem } },
  };
}

function shortage({ to }: Envelope, bytes: number, waiting: Inbox<WaitingMessage>, load: Load): Problem | undefined {
  if (waiting.commands >= mailboxCommandsMax) {
    let same = 0;
    for (const { entries } of waiting.ahead(Number.POSITIVE_INFINITY))
      for (const entry of entries) if (entry.ok && isSame(entry.envelope, to)) same++;
    if (same >= mailboxCommandsMax)
      return {
        kind: 'overloaded',
        code: 'mailbox_full',
        detail: `expected at most ${mailboxCommandsMax} commands that wait for ${to.type} ${to.id}`,
        retryAfterMs: overloadRetryMs,
      };
  }
  // What is alone is taken, however large it is.
  if (waiting.bytes === 0) return undefined;
  if (waiting.bytes + bytes <= inboxBytesMax && load.bytes + bytes <= processInboxBytesMax) return undefined;
  return {
    kind: 'overloaded',
    code: 'overloaded',
    detail: `too many bytes of commands wait to be decided: expected at most ${inboxBytesMax} of a shard, and ${processInboxBytesMax} of a process`,
    retryAfterMs: overloadRetryMs,
  };
}

const isSame = ({ to }: Envelope, other: Envelope['to']): boolean =>
  to.id === other.id && to.type === other.type && to.org === other.org;
