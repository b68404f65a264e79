import type { Address } from './address.ts';
import { inboxBytesMax, mailboxCommandsMax } from './bounds.ts';
import type { LaneMessage } from './bus.ts';
import type { Envelope } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Inbox } from './inbox.ts';
import { mailboxFull, shardFull } from './mailbox.ts';
import type { Mailboxes } from './mailboxes.ts';
import { loneOf } from './shares.ts';
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
export function admitted(message: LaneMessage, waiting: Inbox<WaitingMessage>, mailboxes: Mailboxes): WaitingMessage {
  const envelope = loneOf(message);
  if (envelope?.replyTo === undefined) return message;
  const problem = shortage(envelope, message.bytes, waiting, mailboxes);
  if (!problem) return message;
  const { position } = message;
  return { position, entries: [], bytes: 0, refused: { replyTo: envelope.replyTo, reply: { ok: false, problem } } };
}

function shortage(
  { to }: Envelope,
  bytes: number,
  waiting: Inbox<WaitingMessage>,
  mailboxes: Mailboxes,
): Problem | undefined {
  const kept = mailboxes.waitingFor(to);
  if (waiting.commands + kept >= mailboxCommandsMax && waitsFor(to, mailboxCommandsMax - kept, waiting))
    return mailboxFull(to);
  // What is alone is taken, however large it is.
  if (waiting.bytes === 0 || (waiting.bytes + bytes <= inboxBytesMax && mailboxes.hasRoom(bytes))) return undefined;
  return shardFull;
}

/** Whether so many commands for an actor wait. */
function waitsFor(to: Address, most: number, waiting: Inbox<WaitingMessage>): boolean {
  let same = 0;
  if (same >= most) return true;
  for (const { entries } of waiting.ahead(Number.POSITIVE_INFINITY))
    for (const entry of entries) if (entry.ok && isSame(entry.envelope, to) && ++same >= most) return true;
  return false;
}

const isSame = ({ to }: Envelope, other: Address): boolean =>
  to.id === other.id && to.type === other.type && to.org === other.org;
