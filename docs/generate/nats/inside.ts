import { header } from '../../../kernel/nats/command-message.ts';
import { blocks, code, table } from '../markdown.ts';
import { names } from './run.ts';

const headers: Record<keyof typeof header, readonly [on: string, meaning: string]> = {
  to: ['commands', 'the actor’s id'],
  command: ['commands', 'the verb'],
  commandId: ['commands', 'names the command: it changes an actor at most once'],
  principal: ['commands', 'who asks; not read where workers may publish'],
  replyTo: ['commands, publications', 'where the answer goes'],
  deadline: ['commands', 'microseconds since 1970: read later, the command is refused with `deadline_exceeded`'],
  keyed: [
    'commands',
    '`command`: remembered for `ASTRA_IDEMPOTENCY_DAYS`; `create`: remembered by what it creates, for ever',
  ],
  fingerprint: ['commands', 'SHA-256, hex, of the request in canonical JSON (keys sorted, no spaces)'],
  correlation: ['commands', 'the first command of the chain of causes'],
  causation: ['commands', 'the position of the event that sent it'],
  hops: ['commands', 'messages between the outside and this one'],
  subject: ['commands', 'whose personal data the body is, percent-encoded'],
  idempotencyKey: ['publications', 'names the request'],
  traceparent: ['all', 'W3C trace context'],
  contentType: ['all', '`application/json` or `application/msgpack`'],
};

export const insideSection = (): string =>
  blocks(
    '## Inside',
    `Closed to all but Astra’s own roles. A command is a message on ${code(`${names.root}.cmd.<shard>.<org>.<actorType>`)}: everything but its body in headers. An effect for another shard is one on ${code(`${names.root}.chan.<to>.<from>`)}: a msgpack envelope, with its number in ${code('Astra-N')}; the receiver takes exactly the next number and drops the rest. A worker may publish two kinds of commands, batches to tasks and those to its own actor; what comes on these two subjects counts as a worker’s whatever its headers say. What gateways send to a worker’s actor has one token more, ${code('.inside')}, where no worker may publish.`,
    table(
      ['header', 'on', 'meaning'],
      Object.entries(headers).map(([key, [on, meaning]]) => [code(header[key as keyof typeof header]), on, meaning]),
    ),
  );
