import type { Address } from './address.ts';
import {
  inboxBytesMax,
  mailboxBytesMax,
  mailboxCommandsMax,
  orgMailboxCommandsMax,
  overloadRetryMs,
  processInboxBytesMax,
} from './bounds.ts';
import type { Envelope, Json } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Live } from './live.ts';
import type { Deferred } from './supervision.ts';

/** The command by which an actor's keeper keeps others for later: one, or several that carry nobody's personal data. */
export function deferral({ address, version }: Live, commands: readonly [Deferred, ...Deferred[]]): Envelope {
  const { to, correlationId, subject } = commands[0].command;
  return {
    to: address,
    verb: 'defer',
    // The same command may have to wait twice: it was asked twice, by whoever waits for two answers.
    id: `defer:${address.id}:${version + 1}`,
    body: { of: to, commands } as unknown as Json,
    principal: 'kernel',
    correlationId,
    hops: 0,
    ...(subject === undefined ? null : { subject }),
  };
}

/** The command by which it lets the oldest of them go, which are decided in the same unit. */
export const release = ({ address, version }: Live, count: number, first: Envelope | undefined): Envelope => ({
  to: address,
  verb: 'release',
  id: `release:${address.id}:${version + 1}`,
  body: { count },
  principal: 'kernel',
  correlationId: first?.correlationId ?? address.id,
  hops: 0,
});

/** The bytes of a command as mailboxes count them. */
export const bytesOf = (command: Envelope): number => Buffer.byteLength(JSON.stringify(command));

/** Why a command for this actor cannot be kept; `commands` and `bytes` are what is in its mailbox. */
export const mailboxFull = (of: Address): Problem => ({
  kind: 'overloaded',
  code: 'mailbox_full',
  detail: `expected at most ${mailboxCommandsMax} commands or ${mailboxBytesMax} bytes that wait for ${of.type} ${of.id}`,
  retryAfterMs: overloadRetryMs,
});

export const shardFull: Problem = {
  kind: 'overloaded',
  code: 'overloaded',
  detail: `too many bytes of commands wait to be decided: expected at most ${inboxBytesMax} of a shard, and ${processInboxBytesMax} of a process`,
  retryAfterMs: overloadRetryMs,
};

export const orgFull: Problem = {
  kind: 'overloaded',
  code: 'overloaded',
  detail: `too many commands wait for actors of one org: expected at most ${orgMailboxCommandsMax} on a shard that others use`,
  retryAfterMs: overloadRetryMs,
};
