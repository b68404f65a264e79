import { behaviors } from '../../../actors/index.ts';
import type { Behavior } from '../../../kernel/behavior.ts';
import { headsMs, statsMs } from '../../../kernel/bounds.ts';
import type { EventMessage, Head } from '../../../kernel/bus.ts';
import { unpack } from '../../../kernel/codec.ts';
import { encodeCommit } from '../../../kernel/log-message.ts';
import { ManualClock } from '../../../kernel/memory/clock.ts';
import { streamedBytesMax } from '../../../sandbox/bounds.ts';
import { TaskOutput } from '../../../sandbox/task-output.ts';
import { blocks, bytesText, code, fence, json, jsonText, list, table } from '../markdown.ts';
import { messageText } from './message-text.ts';
import { jsonOf, type Message, names } from './run.ts';
import type { Scene } from './scene.ts';

/** The fields of an event on EVT; the example holds the generator to them. */
const eventFields: Readonly<Record<string, string>> = {
  position: '`<shard>:<seq>`: where the event stands in the log',
  org: 'the tenant',
  actor: '`<type>/<id>`',
  version: 'counts the events of this actor: 1, 2, 3 … without gaps',
  type: 'what happened',
  schema: 'version of `data`’s shape for this type',
  at: 'when, by PostgreSQL’s clock; never goes back within a shard',
  commandId: 'the command that was decided',
  correlationId: 'the first command of the chain of causes',
  causationId: 'the position of the event that sent the command; absent for what came from outside',
  principal: 'who asked: `key:…`, `publisher:…`, `worker:…`, `actor:…` or `kernel`',
  traceparent: 'W3C trace context; absent when there was none',
  data: 'the facts; times in it are microseconds since 1970',
};

export function listeningSection(scene: Scene): string {
  return blocks(
    '## Listening out',
    ...eventBlocks(scene),
    ...outputBlocks(),
    ...commitBlocks(scene),
    '### Heads and figures',
    `Over core NATS, kept nowhere: ${code(`${names.root}.heads`)} every ${headsMs} ms, a msgpack list of ${code(jsonText(headExample))}, one for each shard that the sender owns; and ${code(`${names.root}.stats.<kernel>`)} every ${statsMs} ms, JSON, what a kernel process shows of itself (see ${code('kernels')} in ${code('GET /v1/stats')}).`,
  );
}

const headExample: Record<keyof Head, unknown> = { shard: 23, epoch: 1, seq: 9, hash: '<hex>' };

function eventBlocks({ events }: Scene): readonly string[] {
  const example = events.find(({ types }) => types.includes('TaskCompleted')) as EventMessage;
  const payload = jsonOf(example.payload) as unknown as readonly Readonly<Record<string, unknown>>[];
  const unsaid = payload.flatMap((event) => Object.keys(event)).filter((name) => !eventFields[name]);
  if (unsaid.length > 0)
    throw new Error(`expected every field of an event to be described, found ${unsaid.join(', ')}`);
  const message: Message = {
    subject: `${names.root}.evt.${example.org}.${example.actorType}.${example.actorId}`,
    headers: {
      'Nats-Msg-Id': example.messageId,
      'Astra-Types': example.types.join(','),
      'Astra-Generation': String(example.generation),
    },
    body: jsonOf(example.payload),
  };
  return [
    `### ${names.root}.evt.\\<org\\>.\\<actorType\\>.\\<actorId\\>`,
    'The events of one actor in one commit, a JSON list; for a goal those of its tasks too, so a goal’s subject tells its whole story. Stream EVT.',
    table(
      ['field', 'meaning'],
      Object.entries(eventFields).map(([name, meaning]) => [code(name), meaning]),
    ),
    table(
      ['header', 'meaning'],
      [
        [code('Astra-Types'), 'the types in the message, separated by commas: for filtering without parsing'],
        [code('Astra-Generation'), 'changes when the bus forgot: sequences of the stream begin anew'],
        [code('Nats-Msg-Id'), '`<shard>:<seq of the last event>`: the same for a message that is sent again'],
      ],
    ),
    list([
      '**At least once, in order.** Each shard is published go-back-N: after trouble it goes on from the last message that was acknowledged. Keep the last `version` of each actor: apply the next one, drop what is not newer, and on a jump read what is missing over HTTP or wait for it.',
      '**Personal fields are in the clear here**, as in the HTTP answers: give the subjects of an org to those who may read them. In the log, on channels and on LOG they are encrypted.',
      'How long EVT keeps a message is in the table of streams: it is a feed, not an archive.',
    ]),
    'A task that completes, and the next one that this makes ready, are one commit and one message:',
    messageText(message),
    'All events, with the version of their schema. Names are only ever added:',
    table(['actor', 'events'], behaviors.flatMap(familyOf).map(eventRow)),
  ];
}

const familyOf = (behavior: Behavior): readonly Behavior[] =>
  behavior.family ? [behavior, behavior.family.member] : [behavior];

const eventRow = ({ type, ids, events }: Behavior): readonly string[] => [
  `${code(type)} (${code(`${ids.prefix}_…`)}${ids.placedAs ? ` ${code('.<key>')}` : ''})`,
  Object.entries(events)
    .map(([name, schema]) => (schema === 1 ? code(name) : `${code(name)} (${schema})`))
    .join(', '),
];

function outputBlocks(): readonly string[] {
  const pieces: unknown[] = [];
  const output = new TaskOutput(1, new ManualClock(Date.parse('2026-01-01T00:00:00.016Z')), (piece) =>
    pieces.push(piece),
  );
  output.write('stdout', Buffer.from('3 files\n'));
  output.end();
  return [
    `### ${names.root}.logs.\\<org\\>.\\<taskId\\>`,
    `What a running task writes, stream LOGS. A task’s id holds a dot, so it is two tokens of the subject. Streamed up to ${bytesText(streamedBytesMax)} an attempt; the whole log is the artifact ${code('log')} of the attempt once it has ended. ${code('n')} counts the pieces of an attempt, ${code('at')} is in microseconds.`,
    json(pieces[0]),
  ];
}

function commitBlocks({ stored }: Scene): readonly string[] {
  const [message] = encodeCommit(stored.slice(3, 4), 1024 * 1024);
  const decoded = unpack(message as Buffer) as { readonly events: readonly (readonly unknown[])[] };
  const fields = [
    'seq',
    'epoch',
    'commitSeq',
    'org',
    'actorType',
    'actorKey',
    'version',
    'type',
    'schema',
    'at',
    'body',
    'hash',
  ];
  if (decoded.events[0]?.length !== fields.length)
    throw new Error('expected the layout of LOG that this page describes');
  const hex = (value: unknown): unknown =>
    value instanceof Uint8Array ? `0x${shortHex(Buffer.from(value))}` : Array.isArray(value) ? value.map(hex) : value;
  return [
    `### ${names.root}.log.\\<shard\\>`,
    'Commits as they are stored, for read models: stream LOG, msgpack, best effort (what is lost is read from PostgreSQL). One message is one commit of one shard, or `part` i of `parts` when it is larger than the server carries. Each event is a list:',
    fence(fields.join(', ')),
    'Keys, bodies and hashes are bytes; `at` is in microseconds; personal fields are sealed. A body is one msgpack map, described with the [hash chain](#test-vectors). Layout 1:',
    json({ ...decoded, events: decoded.events.map((event) => event.map(hex)) }),
  ];
}

const shortHex = (bytes: Buffer): string =>
  bytes.length <= 32 ? bytes.toString('hex') : `${bytes.toString('hex', 0, 16)}… (${bytes.length} bytes)`;
