import type { Shard } from '../../../kernel/brand.ts';
import type { EventMessage, WorkOffer } from '../../../kernel/bus.ts';
import type { WorkerCommand } from '../../../kernel/edge.ts';
import type { Json } from '../../../kernel/envelope.ts';
import type { StoredEvent } from '../../../kernel/event.ts';
import { workSubject } from '../../../kernel/nats/names.ts';
import { parseWork, type WorkItem } from '../../../sandbox/work-message.ts';
import { jsonOf, type Message, names, org, Run, registry, shards, workerId } from './run.ts';

/** One exchange: what was sent, and what came back. */
export interface Exchange {
  readonly message: Message;
  readonly reply: Json;
}

/**
 * The messages of a small story: an agent, a worker, a goal of two tasks that goes well, and one of three tasks that shows
 * everything else a worker may say and hear.
 */
export interface Scene {
  readonly agent: Exchange;
  readonly goal: Exchange;
  /** The same publication again. */
  readonly repeated: Exchange;
  /** A plan with a cycle. */
  readonly refused: Exchange;
  readonly register: Exchange;
  readonly heartbeat: { readonly message: Message; readonly control: Json };
  readonly work: Message;
  readonly claim: Exchange;
  readonly complete: Exchange;
  /** A report of an attempt that is not the task's. */
  readonly late: Exchange;
  /** Three attempts in one message, and three answers to them in one batch. */
  readonly several: { readonly work: Message; readonly batch: Exchange };
  readonly progress: Exchange;
  readonly failure: Exchange;
  readonly signal: Exchange & { readonly control: Json };
  readonly cancel: Exchange & { readonly control: Json };
  /** EVT, of the goal that went well. */
  readonly events: readonly EventMessage[];
  /** The log of its shard. */
  readonly stored: readonly StoredEvent[];
}

const incarnation = '5eed0001c0ffee00';

/** What the example's worker says of itself. */
const profile = {
  pools: ['default'],
  slots: 4,
  types: ['noop'],
  drivers: [],
  host: 'worker-1.example',
  version: '1.0.0',
  incarnation,
};

export async function playScene(): Promise<Scene> {
  const run = await Run.start();
  try {
    const agent = await run.publish('agent.spawn', 'spawn-1', { name: 'greeter' });
    run.later(2);
    const joined = await join(run);
    run.later(2);
    const good = await goesWell(run, idOf(agent.reply));
    run.later(2);
    return { agent, ...joined, ...good, ...(await everythingElse(run, idOf(agent.reply))) };
  } finally {
    await run.stop();
  }
}

async function join(run: Run) {
  const register = await run.workerCommand(workerId, 'register', `${workerId}:${incarnation}:register:1`, { profile });
  const { slots, pools, types } = profile;
  const heartbeat = await run.beat(workerId, { incarnation, slots, free: slots, pools, types, running: [] });
  return { register, heartbeat };
}

async function goesWell(run: Run, agentId: string) {
  const plan = {
    tasks: [
      { key: 'greet', type: 'noop', input: { text: 'hello' } },
      { key: 'echo', type: 'noop', dependsOn: ['greet'], input: { heard: { $from: 'greet', pointer: '/text' } } },
    ],
  };
  const goal = await run.publish('goal.submit', 'goal-1', { agentId, plan });
  const offer = await run.work();
  const [greet] = parseWork(offer.payload) as readonly [WorkItem];
  run.later(1);
  const claim = await run.batch(greet.shard, [command(greet, 'claim', 1)]);
  run.later(5);
  const complete = await run.batch(greet.shard, [command(greet, 'complete', 2, { result: { text: 'hello' } })]);
  const [echo] = parseWork((await run.work()).payload) as readonly [WorkItem];
  run.later(1);
  await run.batch(echo.shard, [command(echo, 'claim', 3)]);
  run.later(5);
  await run.batch(echo.shard, [command(echo, 'complete', 4, { result: { heard: 'hello' } })]);
  const late = await run.batch(greet.shard, [command({ ...greet, attempt: 2 }, 'complete', 5, { result: null })]);
  const goalId = idOf(goal.reply);
  const stored = [...run.log.all(registry.shardOf({ org, type: 'goal', id: goalId }, shards) as Shard)];
  return {
    goal,
    work: messageOf(offer),
    claim,
    complete,
    late,
    repeated: await run.publish('goal.submit', 'goal-1', { agentId, plan }),
    events: run.bus.events.filter(({ actorId }) => actorId === goalId),
    stored,
  };
}

async function everythingElse(run: Run, agentId: string) {
  const refused = await run.publish('goal.submit', 'goal-2', {
    agentId,
    plan: {
      tasks: [
        { key: 'a', type: 'noop', dependsOn: ['b'] },
        { key: 'b', type: 'noop', dependsOn: ['a'] },
      ],
    },
  });
  const tasks = ['a', 'b', 'c'].map((key) => ({ key, type: 'noop', onFailure: 'continue' }));
  const goal = await run.publish('goal.submit', 'goal-3', { agentId, plan: { tasks } });
  const offer = await run.work();
  const [a, b, c] = parseWork(offer.payload) as readonly [WorkItem, WorkItem, WorkItem];
  const batch = await run.batch(a.shard, [
    command(a, 'claim', 6),
    command(b, 'decline', 7, { reason: 'no_slot' }),
    command(c, 'refuse', 8, { code: 'limit_unenforceable', reason: 'This worker cannot enforce memoryBytes.' }),
  ]);
  await run.work();
  const progress = await run.batch(a.shard, [
    command(a, 'progress', 9, { fraction: 0.5, note: 'half way' }),
    command(b, 'claim', 10),
  ]);
  const error = { code: 'exit_nonzero', message: 'The command ended with exit code 1.', retryable: true };
  const failure = await run.batch(b.shard, [command(b, 'fail', 11, { error })]);
  const signal = await run.publish(`task.signal.${a.taskId}`, 'signal-1', { name: 'wrap-up', payload: { soon: true } });
  const signalled = await run.control();
  const cancel = await run.publish(`goal.cancel.${idOf(goal.reply)}`, 'cancel-1', { reason: 'not needed any more' });
  return {
    refused,
    several: { work: messageOf(offer), batch },
    progress,
    failure,
    signal: { ...signal, control: signalled },
    cancel: { ...cancel, control: await run.control() },
  };
}

const idOf = (reply: Json): string => (reply as { readonly id: string }).id;

const messageOf = ({ pool, type, lane, messageId, payload }: WorkOffer): Message => ({
  subject: workSubject(names, org, pool, type, lane),
  headers: { 'Nats-Msg-Id': messageId },
  body: jsonOf(payload),
});

function command(
  { taskId, attempt }: WorkItem,
  verb: WorkerCommand['command'],
  n: number,
  body: object = {},
): WorkerCommand {
  return {
    to: taskId,
    command: verb,
    id: `${taskId}:${attempt}:${verb}:${n}`,
    body: { attempt, worker: workerId, incarnation, ...body },
  };
}
