import {
  progressIntervalMs,
  reofferMs,
  resultBytesMax,
  sentBytesMax,
  sentMessagesMax,
  spawnedMax,
  timeoutMarginMs,
} from '../../../actors/bounds.ts';
import type { WorkerProfile } from '../../../actors/worker/events.ts';
import {
  heartbeatGraceMs,
  workerSilenceMs,
  workMessageAttemptsMax,
  workMessageBytesMax,
} from '../../../kernel/bounds.ts';
import type { WorkerCommand } from '../../../kernel/edge.ts';
import type { Heartbeat } from '../../../kernel/liveness.ts';
import { pullExpiresMs, workAckWaitMs } from '../../../kernel/nats/bounds.ts';
import { batchToken, header } from '../../../kernel/nats/command-message.ts';
import { workDurable } from '../../../kernel/nats/names.ts';
import { batchBytesMax, batchTimeoutMs, heartbeatMs, shardSilenceMs } from '../../../sandbox/bounds.ts';
import type { WorkItem } from '../../../sandbox/work-message.ts';
import { blocks, bytesText, code, fence, json, list, spanText, table } from '../markdown.ts';
import { exchangeText, messageText } from './message-text.ts';
import { names, org } from './run.ts';
import type { Scene } from './scene.ts';

// Typed by the code's own records: a field that is added there has to be described here.

const profileFields: Record<keyof WorkerProfile, string> = {
  pools: 'pools it serves',
  slots: 'attempts it runs at once',
  types: 'task types it runs',
  drivers: 'for people who list workers',
  host: 'for people who list workers',
  version: 'for people who list workers',
  incarnation: 'one life of the process, made at its start: a new one ends what the old one held',
};

const heartbeatFields: Record<keyof Heartbeat, string> = {
  incarnation: 'as registered',
  slots: 'attempts it runs at once',
  free: 'slots that are free now',
  pools: 'as registered',
  types: 'as registered',
  running: '`{ taskId, attempt }` of each attempt from its claim until its report is answered',
};

const workFields: Record<keyof WorkItem, string> = {
  shard: 'where commands to this task go',
  taskId: 'the task',
  attempt: 'which execution of it: everything the worker says of it names this number',
  offer: 'how often this attempt was offered; copies are harmless, the claim fences them',
  type: 'task type',
  input: 'the input, results of upstream tasks filled in',
  timeoutMs: `the worker ends the attempt then; the kernel does ${spanText(timeoutMarginMs)} later`,
  limits: 'what it may use: a limit that the worker cannot enforce is a reason to refuse',
  agentId: 'on whose behalf',
  profileVersion: 'of that agent’s profile',
  traceparent: 'W3C trace context, where there is one',
  idempotencyKey: 'the same for every attempt of one run: for systems that can tell a repetition',
};

const commandFields: Record<keyof WorkerCommand, string> = {
  to: 'the task',
  command: 'the verb, below',
  id: 'the command id, `<taskId>:<attempt>:<verb>:<n>`; the same when the batch is sent again',
  body: '`{ attempt, worker, incarnation }` and what the verb adds',
};

const verbs: Record<WorkerCommand['command'], readonly [adds: string, means: string]> = {
  claim: ['', 'may I start? Only `ok` permits it; repeated by the same incarnation it is `ok` again'],
  decline: [
    '`reason`',
    'not now (no slot, stopping): it is offered again at once. Of an attempt that runs: it is given back',
  ],
  refuse: [
    '`code`, `reason`',
    'never here: its type or a limit. While another live worker may be able to, it is offered again; when none can, the task is a dead letter with that error',
  ],
  progress: [
    '`fraction`, `note`',
    `how far it is, 0 to 1; at most one in ${spanText(progressIntervalMs)} becomes an event`,
  ],
  complete: [
    '`result`, `artifacts`, `messages`, `spawned`',
    `done. The result is JSON up to ${bytesText(resultBytesMax)}; an artifact is \`{ sha256, size, mediaType, name }\`. Messages, \`{ to, type, payload }\` for the mailboxes of agents, are sent with it, once; at most ${sentMessagesMax}, and ${bytesText(sentBytesMax)} in all. \`spawned\` are profiles of agents, as for \`agent.spawn\` but without parent and subject, which become children of the agent that it works for; at most ${spawnedMax}`,
  ],
  fail: [
    '`error`, `artifacts`',
    '`error` is `{ code, message, retryable?, details? }`; with `retryable: false` no other attempt is made',
  ],
  profile: [
    '',
    'what is the profile of the agent that it works for, as of the attempt’s `profileVersion`? Alone in its message; the agent answers, one reply and no list, `data: { profile }`',
  ],
  reach: [
    '`agentId`',
    'would this agent take a message? Alone in its message; the agent answers, one reply and no list',
  ],
};

export function workingSection(scene: Scene): string {
  return blocks(
    '## Working',
    'What a worker does, step by step. Everything here can be written in any language with a NATS client; the examples are one exchange with a kernel.',
    ...joinBlocks(scene),
    ...pullBlocks(scene),
    ...reportBlocks(scene),
    ...aliveBlocks(scene),
  );
}

function joinBlocks({ register }: Scene): readonly string[] {
  return [
    '### 1. Register',
    'A worker has an id of its own, `wk_…`: derived from a name it keeps (see [test vectors](#test-vectors)), or a new one each time. It tells its actor what it is, on the lane of the shard of that id, and again with the same command id until it is answered.',
    table(['field of `profile`', 'meaning'], rowsOf(profileFields)),
    exchangeText(register, 'The answer:'),
    `${code('drain')} and ${code('stop')} go the same way: ${code('{ "reason"? }')} when it takes no more, ${code('{ "incarnation", "reason"? }')} when it leaves.`,
    '### 2. Heartbeats',
    `Every ${spanText(heartbeatMs)}, over core NATS. Kernels answer on ${code(`${names.root}.ctl.<org>.<workerId>`)}; subscribe before the first one.`,
    table(['field', 'meaning'], rowsOf(heartbeatFields)),
  ];
}

function pullBlocks({ heartbeat, work, claim, several }: Scene): readonly string[] {
  const durable = workDurable(org, 'default', 'noop', 'normal');
  return [
    messageText(heartbeat.message),
    'What a kernel answers: the shards it owns, attempts to stop, and signals. Stops and signals it also sends by themselves, as they happen. `drain: true` is there once somebody has asked for it: take no more, finish what runs, say `stop`, and go. Leave out what you do not understand: fields may be added.',
    json(heartbeat.control),
    '### 3. Pull',
    `Attempts wait on ${code(`${names.root}.work.<org>.<pool>.<type>.<lane>`)}; the lane is ${code('high')} for priorities 0 to 2, ${code('normal')} for 3 to 6, ${code('low')} for 7 to 9. Each of these subjects has a durable, made by the kernel before its first message (until then a pull is answered with status 503: ask again a little later). While slots are free, ask each of yours:`,
    fence(
      [
        `$JS.API.CONSUMER.MSG.NEXT.${names.work}.${durable}`,
        'reply: an inbox of yours',
        '',
        `{ "batch": 1, "expires": ${pullExpiresMs * 1_000_000} }`,
      ].join('\n'),
    ),
    `A message holds attempts of one route: as many as the pool’s free slots over its live workers, at most ${workMessageAttemptsMax} and ${bytesText(workMessageBytesMax)}.`,
    table(['field of an attempt', 'meaning'], rowsOf(workFields)),
    messageText(work),
    '### 4. Claim',
    `Commands to tasks travel in batches, one shard each: ${code(`${names.root}.cmd.<shard>.<org>.${batchToken}`)} with ${code(header.replyTo)}, a JSON list of at most ${bytesText(batchBytesMax)}. Every entry is decided, refused or parked alone; the answer is a list with one entry each, in order.`,
    table(['field of an entry', 'meaning'], rowsOf(commandFields)),
    table(
      ['`command`', 'adds to the body', 'says'],
      Object.entries(verbs).map(([verb, [adds, means]]) => [code(verb), adds, means]),
    ),
    '**Run nothing before its claim is answered `ok`**: that answer is a commit, and nobody else gets the attempt while it stands.',
    exchangeText(claim, 'The answer:'),
    `Ack the message of WORK (${code('+ACK')} to its reply subject) once every attempt in it was claimed, declined or refused, and that was answered; after ${spanText(workAckWaitMs)} without an ack it goes to another worker. A queued attempt that nobody claimed is offered again after ${spanText(reofferMs)}. Of three attempts in one message, one may be claimed, one declined and one refused:`,
    exchangeText(several.batch, 'The answers:'),
  ];
}

function reportBlocks({ complete, late, progress, failure }: Scene): readonly string[] {
  return [
    '### 5. Report',
    `Repeat a batch that was not answered within ${spanText(batchTimeoutMs)} or so, with the same command ids, for as long as it takes: a result is worth waiting for. Until then heartbeats go on naming the attempt.`,
    exchangeText(complete, 'The answer:'),
    'A failed attempt, and progress of another one:',
    messageText(failure.message),
    messageText(progress.message),
    'Whoever speaks of another attempt than the task’s is refused; the report is worth nothing then, and the worker forgets it:',
    json(late.reply),
  ];
}

function aliveBlocks({ signal, cancel }: Scene): readonly string[] {
  return [
    '### 6. Stop, signals, silence',
    'A signal to a running task, and an attempt that has ended (cancelled, timed out, its goal failed), as kernels tell them:',
    json(signal.control),
    json(cancel.control),
    list([
      'An attempt under `stop` is over for the kernel: end it, and report nothing.',
      `A worker that was not heard for ${spanText(workerSilenceMs)} is lost: its attempts count as lost and are tried again elsewhere. So is, at once, what an older incarnation held, and an attempt that two heartbeats in a row do not name (from ${spanText(heartbeatGraceMs)} after its claim).`,
      `A worker ends by itself any attempt whose shard was in no answer for ${spanText(shardSilenceMs)}, and gives it back (${code('decline')}).`,
      'A handler may therefore run more than once. `idempotencyKey` is for whoever has to know.',
    ]),
  ];
}

const rowsOf = (fields: Readonly<Record<string, string>>): readonly (readonly string[])[] =>
  Object.entries(fields).map(([name, meaning]) => [code(name), meaning]);
