import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNats } from '../cli/embedded/index.ts';
import type { Json } from '../kernel/envelope.ts';
import { Histogram } from '../kernel/histogram.ts';
import { openGatewayLink, openInPublisher } from '../kernel/nats/index.ts';
import { migrate, openPostgresLog, verifyShard } from '../kernel/postgres/index.ts';
import type { Bench, BenchContext, Metrics, Outcome } from './harness.ts';
import { processCpuMs } from './process-cpu.ts';

/** Tasks of a goal: 1 → 8 → 1. */
const tasksPerGoal = 10;
/** Open goals in the closed loop (`--max`): enough to fill every commit, few enough to stay in memory. */
const openGoalsDefault = 200;
const payloadBytesMax = 8 * 1024 * 1024;
/** Goals before the measured phase: rounds of so many at once. */
const warmUpRounds = 8;
const warmUpGoals = 100;
/** After the last submission, until every goal has ended. */
const drainMs = 60_000;
const replyMs = 30_000;
/** Nobody answers what is published for the floor: soon given up, so that few wait. */
const floorReplyMs = 100;
/** For a role to end by itself. */
const endMs = 15_000;
const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

/**
 * DAGs of ten no-op tasks, submitted over NATS, through kernel, worker and gateway as processes of their own. `--rate N` is an
 * open loop of N tasks a second (what is late counts as late); `--max` a closed one.
 */
export const tasks: Bench = {
  about: 'DAGs of ten tasks through kernel and worker: --rate N tasks/s (1157), or --max',
  seconds: 60,
  run,
};

const plan = {
  tasks: [
    { key: 'a', type: 'noop' },
    ...Array.from({ length: 8 }, (_, i) => ({ key: `b${i}`, type: 'noop', dependsOn: ['a'] })),
    { key: 'c', type: 'noop', dependsOn: Array.from({ length: 8 }, (_, i) => `b${i}`) },
  ],
};

async function run(context: BenchContext): Promise<Outcome> {
  const { flags, say } = context;
  const max = flags.has('max');
  const rate = Number(flags.get('rate') ?? 1157);
  const openGoals = Number(flags.get('open') ?? openGoalsDefault);
  const system = await startSystem(context, Number(flags.get('slots') ?? 256));
  const { databaseUrl, natsUrl, cpu } = system;
  const publisher = await openInPublisher({ url: natsUrl, name: 'bench' }, 'default', 'bench');
  context.defer(() => publisher.close());
  const link = await openGatewayLink(
    { url: natsUrl, name: 'bench-stats' },
    { shards: 64, ids: () => undefined, client: 'bench' },
    () => {},
  );
  context.defer(() => link.close());
  let scheduling: Json = {};
  await link.tail.onStats((_owner, stats) => {
    scheduling = (stats as { schedulingMs: Json }).schedulingMs;
  });
  const spawned = await (
    await publisher.publish('agent.spawn', { name: 'bench', maxConcurrentGoals: 1_000_000 }, replyMs)
  ).reply;
  if (!spawned.ok) throw new Error(`the agent was not spawned: ${spawned.problem.detail}`);

  const endToEnd = new Histogram();
  const submitted = new Map<string, number>();
  let settled = 0;
  let accepted = 0;
  let refused = 0;
  let onSettled: () => void = () => {};
  publisher.onEvents('agent', spawned.id, (events) => {
    for (const event of events as readonly { type: string; data: { goalId: string; status: string } }[]) {
      if (event.type !== 'AgentGoalSettled') continue;
      const since = submitted.get(event.data.goalId);
      if (since !== undefined) endToEnd.record(performance.now() - since);
      submitted.delete(event.data.goalId);
      settled++;
      onSettled();
    }
  });
  const early = new Set<string>();
  const submit = async (dueMs: number): Promise<void> => {
    const { reply } = await publisher.publish('goal.submit', { agentId: spawned.id, plan }, replyMs);
    const answer = await reply;
    if (!answer.ok) refused++;
    else {
      accepted++;
      if (!early.has(answer.id)) submitted.set(answer.id, dueMs);
    }
  };
  // What starts up is not measured: connections, codes, durables, and the compilation of what runs often.
  say('warming up …');
  for (let i = 0; i < warmUpRounds; i++) {
    await Promise.all(Array.from({ length: warmUpGoals }, () => submit(performance.now())));
    await until(() => settled >= accepted, drainMs);
  }
  const before = settled;
  const cpuBefore = cpu();
  const start = performance.now();
  const end = start + context.seconds * 1000;
  let asked = 0;
  let told = start;
  const tell = (): void => {
    const now = performance.now();
    if (now - told < 1000) return;
    told = now;
    const s = scheduling as { p50?: number; p95?: number };
    say(
      `${((now - start) / 1000).toFixed(0)} s: ${settled - before} goals of ${asked}, ${Math.round(((settled - before) * tasksPerGoal * 1000) / (now - start))} tasks/s, scheduling p50 ${s.p50} ms, p95 ${s.p95} ms`,
    );
  };
  await context.profiled('load', async () => {
    if (max) {
      await new Promise<void>((resolve) => {
        const next = (): void => {
          tell();
          if (performance.now() >= end) {
            resolve();
            return;
          }
          while (asked - (settled - before) < openGoals) {
            asked++;
            submit(performance.now()).catch(() => refused++);
          }
        };
        onSettled = next;
        next();
        setTimeout(resolve, context.seconds * 1000 + 100);
      });
    } else {
      const everyMs = (tasksPerGoal / rate) * 1000;
      for (let due = start; due < end; due += everyMs) {
        while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
        asked++;
        submit(due).catch(() => refused++);
        tell();
      }
    }
  });
  onSettled = () => {};
  const measuredMs = performance.now() - start;
  const done = settled - before;
  const cpuAfter = cpu();
  await until(() => settled + refused >= asked + before, drainMs);
  const drained = settled + refused >= asked + before;
  say(`checking the log of ${accepted} goals …`);
  const check = await checkLog(databaseUrl);
  const tasksDone = done * tasksPerGoal;
  const used = Object.fromEntries(Object.entries(cpuAfter).map(([name, ms]) => [name, ms - (cpuBefore[name] ?? 0)]));
  const total = Object.values(used).reduce((sum, ms) => sum + ms, 0);
  const metrics: Metrics = {
    tasksPerSecond: Math.round((tasksDone * 1000) / measuredMs),
    schedulingMs: scheduling as Metrics,
    endToEndMs: endToEnd.summary(),
    cpuShare: Math.round((total / (measuredMs * 2)) * 1000) / 1000,
    cpuMicrosPerTask: Object.fromEntries(
      Object.entries(used).map(([name, ms]) => [name, Math.round((ms * 1000) / Math.max(1, tasksDone))]),
    ),
    goals: asked,
    refused,
    eventsPerTask: Math.round((check.events / Math.max(1, check.completedTasks)) * 100) / 100,
    flaws: check.flaws,
  };
  const ok =
    drained &&
    refused === 0 &&
    check.flaws === 0 &&
    check.goals === accepted &&
    check.completedTasks === accepted * tasksPerGoal;
  if (!ok)
    say(
      `not right: drained ${drained}, refused ${refused}, ${check.goals} goals and ${check.completedTasks} tasks completed of ${accepted} goals; ${check.first ?? 'no flaw'}`,
    );
  say(
    `where the time goes, µs of CPU a task: ${Object.entries(metrics['cpuMicrosPerTask'] as Record<string, number>)
      .map(([name, us]) => `${name} ${us}`)
      .join(', ')}`,
  );
  // The floor is the bus alone: with a kernel behind it, each publish would be forwarded.
  await system.stopRoles();
  const floor = await floorOf(publisher, context);
  return { ok, metrics, floor };
}

async function until(condition: () => boolean, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
}

interface System {
  readonly databaseUrl: string;
  readonly natsUrl: string;
  /** CPU milliseconds used so far, by process. */
  cpu(): Record<string, number>;
  /** Ends the roles; the servers go on. */
  stopRoles(): Promise<void>;
}

/** Postgres, NATS and the roles, each a process of its own, as a deployment has them. */
async function startSystem(context: BenchContext, slots: number): Promise<System> {
  const postgres = await context.postgres();
  await migrate(postgres.url);
  const nats = await startNats({
    dataDir: join(context.directory('nats'), 'data'),
    users: 'anyone',
    maxPayloadBytes: payloadBytesMax,
  });
  context.defer(() => nats.stop());
  const data = context.directory('data');
  const roles: Record<string, ChildProcess> = {};
  const env = {
    ...process.env,
    DATABASE_URL: postgres.url,
    NATS_URL: nats.url,
    ASTRA_DATA_DIR: data,
    ASTRA_SLOTS: String(slots),
    ASTRA_LOG_LEVEL: 'warn',
    ASTRA_ALLOW_DRIVER: 'thread',
    ASTRA_PORT: '0',
  };
  const wanted = context.flags.has('no-gateway') ? ['kernel', 'worker'] : ['kernel', 'gateway', 'worker'];
  for (const role of wanted) {
    const profile = context.flags.has('profile-roles')
      ? [
          '--cpu-prof',
          `--cpu-prof-dir=${String(context.flags.get('profile-roles'))}`,
          `--cpu-prof-name=${role}.cpuprofile`,
        ]
      : [];
    // As bin/astra starts them.
    const flags = ['--max-semi-space-size=64', '--disable-warning=ExperimentalWarning', ...profile];
    const child = spawn(process.execPath, [...flags, main, role], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    roles[role] = child;
    context.defer(() => end(child));
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${role} ended with ${code} before it was ready`)));
      child.on('message', (message: { type?: string }) => {
        if (message.type === 'ready') resolve();
      });
    });
    context.say(`${role} runs (pid ${child.pid})`);
  }
  const postmaster = postgres.pid;
  return {
    stopRoles: async () => {
      await Promise.all(Object.values(roles).map(end));
    },
    databaseUrl: postgres.url,
    natsUrl: nats.url,
    cpu: () => {
      const out: Record<string, number> = {
        load: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
        nats: processCpuMs(nats.pid) ?? 0,
      };
      for (const [role, child] of Object.entries(roles)) out[role] = processCpuMs(child.pid as number) ?? 0;
      const server = postmaster === undefined ? [] : familyOf(postmaster);
      if (server.length > 0) out['postgres'] = server.reduce((sum, pid) => sum + (processCpuMs(pid) ?? 0), 0);
      return out;
    },
  };
}

/** Asks a process to end, and ends it when it does not within {@link endMs}. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), endMs);
  await gone;
  clearTimeout(late);
}

/** A process and its children: Postgres has one a connection. */
function familyOf(pid: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(children === '' ? [] : children.split(' ').map(Number))];
  } catch {
    return [pid];
  }
}

/** What the log says, read from Postgres alone: each task completed once, after what it depends on; the chain whole. */
async function checkLog(
  url: string,
): Promise<{ events: number; goals: number; completedTasks: number; flaws: number; first: string | undefined }> {
  const log = await openPostgresLog(url, 'bench-check');
  try {
    const { databaseId } = await log.meta();
    let events = 0;
    let goals = 0;
    let completedTasks = 0;
    let flaws = 0;
    let first: string | undefined;
    const flaw = (text: string): void => {
      flaws++;
      first ??= text;
    };
    for (const head of await log.heads()) {
      const verified = await verifyShard(log, databaseId, head.shard, head);
      if (verified.flaw)
        flaw(`${verified.flaw.position}: expected ${verified.flaw.expected}, found ${verified.flaw.found}`);
      const completed = new Map<string, Set<string>>();
      for await (const page of log.read(head.shard, 0 as never, head.seq))
        for (const { type, actorKey, seq } of page) {
          events++;
          if (type === 'GoalCompleted') goals++;
          if (type !== 'TaskStarted' && type !== 'TaskCompleted') continue;
          const goal = actorKey.toString('latin1', 0, 16);
          const key = actorKey.toString('utf8', 16);
          const done = completed.get(goal) ?? new Set();
          completed.set(goal, done);
          if (type === 'TaskStarted') {
            const needed = key === 'a' ? 0 : key === 'c' ? 9 : 1;
            if (done.size < needed)
              flaw(`${head.shard}:${seq}: ${key} started after ${done.size} tasks, needs ${needed}`);
            continue;
          }
          completedTasks++;
          if (done.has(key)) flaw(`${head.shard}:${seq}: ${key} completed twice`);
          done.add(key);
        }
    }
    return { events, goals, completedTasks, flaws, first };
  } finally {
    await log.close();
  }
}

/** What the bus alone takes: acknowledged publishes a second, five of which are a task's budget. */
async function floorOf(
  publisher: Awaited<ReturnType<typeof openInPublisher>>,
  { say }: BenchContext,
): Promise<Metrics> {
  say('measuring the floor …');
  const end = performance.now() + 2000;
  let count = 0;
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      await publisher.publish('floor', null, floorReplyMs);
      count++;
    }
  };
  await Promise.all(Array.from({ length: 256 }, one));
  return { tasksPerSecond: Math.round(count / 2 / 5), publishesPerSecond: Math.round(count / 2) };
}
