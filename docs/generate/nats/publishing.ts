import {
  approvalMs,
  goalDeadlineDefaultMs,
  goalDeadlineMaxMs,
  planBytesMax,
  planTasksMax,
} from '../../../actors/bounds.ts';
import {
  agentInput,
  checkPlan,
  goalInput,
  messageInput,
  publicationVerbs,
  reasonInput,
  signalInput,
} from '../../../actors/index.ts';
import { header } from '../../../kernel/nats/command-message.ts';
import { blocks, bytesText, code, json, spanText, table } from '../markdown.ts';
import { bodyTable } from '../schema.ts';
import { exchangeText, messageText } from './message-text.ts';
import { names } from './run.ts';
import type { Scene } from './scene.ts';

const agentId = 'ag_2ma4nzgjzfhpartmxqjg0pwrjw';

/** What each verb does, and its body. A verb that the code takes and this page does not describe is an error. */
const verbs: Readonly<Record<string, { readonly target: string; readonly does: string; readonly body: () => string }>> =
  {
    'goal.submit': {
      target: '',
      does: 'Submits a goal: a plan, or a text that a task of type `plan` turns into one.',
      body: () =>
        bodyTable(goalInput, {
          least: { agentId, text: 'x' },
          meanings: {
            agentId: 'on whose behalf it runs: `ag_…`',
            text: 'what is wanted, in words; with a plan it is a note',
            plan: 'a DAG of tasks, below',
            priority: '0 is most urgent; tasks have it unless they say otherwise',
            dependsOn: 'goals that have to complete first: `gl_…`',
            deadline: `past it the goal is cancelled (\`deadline_exceeded\`); at most ${spanText(goalDeadlineMaxMs)} away, ${spanText(goalDeadlineDefaultMs)} by default`,
            requireApproval: `wait until somebody approves, at most ${spanText(approvalMs)}`,
            labels: 'for lists: `label=key:value`; keys of A-Z, a-z, 0-9, `_`, `.` and `-`',
            subject: 'whose personal data text, plan, inputs and results are: they are stored encrypted',
          },
        }),
    },
    'goal.cancel': {
      target: '.<goalId>',
      does: 'Ends a goal and what it runs.',
      body: () => bodyTable(reasonInput, { least: {}, meanings: { reason: 'for the record' } }),
    },
    'agent.spawn': {
      target: '',
      does: 'Makes an agent; its name is reserved first, so that two of one name cannot exist.',
      body: () =>
        bodyTable(agentInput, {
          least: { name: 'x' },
          meanings: {
            name: 'unique in the org, without case',
            kind: 'what sort of agent; for lists',
            systemPrompt: 'for its handlers',
            config: 'for its handlers',
            tags: 'for lists',
            allowedTools: 'task types its plans may use; empty: all',
            priority: 'for its handlers',
            parentId: 'the agent that spawned it: it has to be active or paused, and stays its parent',
            maxConcurrentGoals: 'open goals it admits at once (`concurrent_goals_cap`)',
            metadata: 'yours',
            supervision:
              'what becomes of its children when they fail: `{ policy, maxRestarts, withinMs }`, policies `restart`, `backoff`, `escalate`, `stop`',
            subject: 'whose personal data the profile is: prompt, config and metadata are stored encrypted',
          },
        }),
    },
    'agent.message': {
      target: '.<agentId>',
      does: 'Puts a message into an agent’s mailbox.',
      body: () =>
        bodyTable(messageInput, {
          least: { type: 'x' },
          meanings: {
            type: 'what sort of message',
            payload: 'the message',
            subject: 'whose personal data the payload is: it is stored encrypted',
          },
        }),
    },
    'task.signal': {
      target: '.<taskId>',
      does: 'Tells a running task something; it is refused when the task does not run.',
      body: () =>
        bodyTable(signalInput, {
          least: { name: 'x' },
          meanings: { name: 'what the handler listens for', payload: 'what it is told' },
        }),
    },
  };

export function publishingSection(scene: Scene): string {
  const missing = publicationVerbs.filter((verb) => !verbs[verb]);
  if (missing.length > 0) throw new Error(`expected every publication to be described, found ${missing.join(', ')}`);
  return blocks(
    '## Publishing in',
    `Subject ${code(`${names.root}.in.<org>.<verb>`)}, stream IN. The PubAck says that the publication is queued; the reply says that it is durable.`,
    table(
      ['header', 'meaning'],
      [
        [
          code(header.idempotencyKey),
          'names the request: repeating it with the same key does nothing twice. Creations remember it for ever, other commands for `ASTRA_IDEMPOTENCY_DAYS`. The same key with another body is `idempotency_key_reused`. Without one, the publication is known by its place in the stream, which covers redelivery and nothing else',
        ],
        [
          code(header.replyTo),
          `a subject under ${code(`${names.root}.reply.<org>.`)} that gets the answer, after the commit; any other is ignored`,
        ],
        [code(header.contentType), '`application/json` (the default) or `application/msgpack`'],
        [code(header.traceparent), 'W3C trace context; it is stored with every event that follows'],
      ],
    ),
    'Publications are forwarded to the lanes in stream order; one publisher’s order to one target, or under one key, holds. What cannot be understood becomes a dead letter with the reason, and its publisher gets the same reason as answer; it never blocks what comes behind it. Each event records `publisher:nats` as its principal, because a NATS server does not tell receivers which user sent a message: who may publish into an org is the server’s permissions’ business ([below](#users-and-permissions)).',
    ...Object.entries(verbs).flatMap(([verb, { target, does, body }]) => [
      `### ${names.root}.in.\\<org\\>.${verb}${target.replace('<', '\\<').replace('>', '\\>')}`,
      does,
      body(),
      ...(verb === 'goal.submit' ? planBlocks() : []),
    ]),
    '### An example',
    exchangeText(scene.goal, 'The answer, after the commit:'),
    'The same publication again, with the same key, gets the same answer:',
    json(scene.repeated.reply),
    'A plan with a cycle is refused as a whole:',
    json(scene.refused.reply),
    'A subject that names its target:',
    messageText(scene.cancel.message),
  );
}

function planBlocks(): readonly string[] {
  const checked = checkPlan({ tasks: [{ key: 'fetch', type: 'http' }] }, { priority: 5 });
  if (!checked.ok) throw new Error('expected the example of a plan to be valid');
  return [
    `A plan is ${code('{ "tasks": […] }')} with 1 to ${planTasksMax} tasks and at most ${bytesText(planBytesMax)} of JSON. It is checked in full, at the edge and again where it is decided, and refused as a whole with every fault named: malformed or doubled keys, unknown fields and dependencies, references that are not upstream, a cycle (printed), sizes. A task is its ${code('key')} and ${code('type')}; what it does not say is filled in so:`,
    json(checked.plan),
    `Anywhere in an ${code('input')}, ${code('{ "$from": "<key>", "pointer": "/a/0" }')} stands for (a part of) the result of a task upstream; ${code('pointer')} is RFC 6901, and may be left out. ${code('limits')} may hold ${['memoryBytes', 'cpus', 'pids', 'diskBytes', 'outputBytes', 'network'].map(code).join(', ')} (${['none', 'allowlist', 'full'].map(code).join(', ')}): a worker that cannot enforce one refuses the attempt. ${code('onFailure: continue')} lets what depends on the task run although it failed.`,
  ];
}
