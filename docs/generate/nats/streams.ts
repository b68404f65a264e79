import { DiscardPolicy, RetentionPolicy } from '@nats-io/jetstream';
import { purgeMs } from '../../../kernel/bounds.ts';
import { generation } from '../../../kernel/brand.ts';
import { ingressAckWaitMs, ingressInFlightMax, workAckPendingMax, workAckWaitMs } from '../../../kernel/nats/bounds.ts';
import { definitions } from '../../../kernel/nats/streams.ts';
import { blocks, bytesText, code, list, spanText, table } from '../markdown.ts';
import { names } from './run.ts';

const holds: Readonly<Record<string, string>> = {
  [names.in]: 'publications from outside',
  [names.cmd]: 'commands: one ordered lane a shard',
  [names.chan]: 'effects from shard to shard',
  [names.work]: 'attempts for workers',
  [names.log]: 'commits, for read models',
  [names.evt]: 'events, for everybody else',
  [names.logs]: 'what running tasks write',
};

/** The streams as the kernel makes them, on the embedded server and on any other. */
export function streamsSection(): string {
  const rows = definitions(names, generation(1), {}).map((stream) => [
    code(stream.name),
    (stream.subjects ?? []).map(code).join(', '),
    holds[stream.name] as string,
    stream.retention === RetentionPolicy.Workqueue ? 'work queue' : 'limits',
    stream.discard === DiscardPolicy.New ? 'refuses what is new' : 'drops what is old',
    [bytesText(stream.max_bytes as number), ...(stream.max_age ? [spanText(stream.max_age / 1_000_000)] : [])].join(
      ', ',
    ),
  ]);
  return blocks(
    '## Streams',
    'The kernel makes these seven streams, on file storage, when they are missing. Their metadata carries `astra-generation`: when a stream is gone, rolled back or of another generation, ' +
      'the kernel raises the generation in PostgreSQL, makes all of them anew beyond every sequence seen so far, and derives again what was in flight. So nothing that matters may exist on NATS alone, ' +
      'and `Nats-Msg-Id` protects nothing here: its window is set to the least a server allows.',
    table(['stream', 'subjects', 'holds', 'retention', 'when full', 'limits'], rows),
    list([
      `IN has one durable, ${code('forwarder')}: ${ingressInFlightMax} publications on their way at once, redelivered after ${spanText(ingressAckWaitMs)}.`,
      `WORK has one durable for each exact subject, named ${code('<org>=<pool>=<type>=<lane>')}, made by the kernel before its first message there: explicit acks within ${spanText(workAckWaitMs)}, ${workAckPendingMax} unacknowledged at once.`,
      `Lanes and channels have no durables: who owns a shard reads behind the position that its last commit stored, and purges below it every ${spanText(purgeMs)}.`,
    ]),
  );
}
