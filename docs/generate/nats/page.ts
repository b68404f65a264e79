import { blocks, code, generatedMark, type Page, table } from '../markdown.ts';
import { answersSection } from './answers.ts';
import { insideSection } from './inside.ts';
import { listeningSection } from './listening.ts';
import { permissionsSection } from './permissions.ts';
import { publishingSection } from './publishing.ts';
import { names } from './run.ts';
import { playScene } from './scene.ts';
import { streamsSection } from './streams.ts';
import { vectorsSection } from './vectors.ts';
import { workingSection } from './working.ts';

/** The interface over NATS, with every example from a kernel that ran. */
export async function natsPage(): Promise<Page> {
  const scene = await playScene();
  const text = blocks(
    generatedMark,
    '# The NATS interface',
    'Everything a program needs to publish into Astra, to listen to it, or to work for it, with any NATS client in any language. Payloads are JSON, UTF-8, or msgpack where the message says so. The examples are one exchange with a kernel that this page was written from: same seed, same bytes.',
    subjectsTable(),
    publishingSection(scene),
    answersSection(),
    listeningSection(scene),
    workingSection(scene),
    insideSection(),
    streamsSection(),
    permissionsSection(),
    vectorsSection(scene),
  );
  return { file: 'nats.md', text };
}

function subjectsTable(): string {
  const { root } = names;
  return table(
    ['subject', 'stream', 'what', 'section'],
    [
      [`${root}.in.<org>.<verb>[.<id>]`, names.in, 'publications from outside', 'Publishing in'],
      [`${root}.reply.<org>.<…>`, '', 'answers, to subjects that the sender chooses', 'Answers'],
      [`${root}.evt.<org>.<actorType>.<actorId>`, names.evt, 'events', 'Listening out'],
      [`${root}.logs.<org>.<taskId>`, names.logs, 'output of running tasks', 'Listening out'],
      [`${root}.log.<shard>`, names.log, 'commits, for read models', 'Listening out'],
      [`${root}.heads`, '', 'heads of all shards', 'Listening out'],
      [`${root}.stats.<kernel>`, '', 'figures of kernels', 'Listening out'],
      [`${root}.work.<org>.<pool>.<type>.<lane>`, names.work, 'attempts for workers', 'Working'],
      [`${root}.cmd.<shard>.<org>.batch`, names.cmd, 'commands of workers to tasks', 'Working'],
      [`${root}.cmd.<shard>.<org>.worker`, names.cmd, 'commands to workers’ own actors', 'Working'],
      [`${root}.hb.<org>.<workerId>`, '', 'heartbeats', 'Working'],
      [`${root}.ctl.<org>.<workerId>`, '', 'what kernels say to a worker', 'Working'],
      [`${root}.cmd.<shard>.<org>.<actorType>[.inside]`, names.cmd, 'commands', 'Inside'],
      [`${root}.chan.<to>.<from>`, names.chan, 'effects from shard to shard', 'Inside'],
    ].map(([subject = '', stream = '', what = '', section = '']) => [
      code(subject),
      stream === '' ? 'core' : code(stream),
      what,
      `[${section}](#${section.toLowerCase().replaceAll(' ', '-')})`,
    ]),
  );
}
