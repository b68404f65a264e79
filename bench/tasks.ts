import type { Json } from '../kernel/envelope.ts';
import { openGatewayLink } from '../kernel/nats/index.ts';
import { checkGoals } from './goal-check.ts';
import { GoalLoad, until } from './goal-load.ts';
import { tasksPerGoal } from './goal-plan.ts';
import type { Bench, BenchContext, Metrics, Outcome } from './harness.ts';
import { startSystem } from './system.ts';

/** Open goals in the closed loop (`--max`): enough to fill every commit, few enough to stay in memory. */
const openGoalsDefault = 200;
/** Goals before the measured phase: rounds of so many at once. */
const warmUpRounds = 8;
const warmUpGoals = 100;
/** After the last submission, until every goal has ended. */
const drainMs = 60_000;
/** Nobody answers what is published for the floor: soon given up, so that few wait. */
const floorReplyMs = 100;

/**
 * DAGs of ten no-op tasks, submitted over NATS, through kernel, worker and gateway as processes of their own. `--rate N` is an
 * open loop of N tasks a second (what is late counts as late); `--max` a closed one.
 */
export const tasks: Bench = {
  about: 'DAGs of ten tasks through kernel and worker: --rate N tasks/s (1157), or --max',
  seconds: 60,
  run,
};

async function run(context: BenchContext): Promise<Outcome> {
  const { flags, say } = context;
  const max = flags.has('max');
  const rate = Number(flags.get('rate') ?? 1157);
  const openGoals = Number(flags.get('open') ?? openGoalsDefault);
  const system = await startSystem(context, {
    slots: Number(flags.get('slots') ?? 256),
    roles: flags.has('no-gateway') ? ['kernel', 'worker'] : ['kernel', 'gateway', 'worker'],
  });
  const { databaseUrl, natsUrl, cpu } = system;
  const load = await GoalLoad.open(context, natsUrl);
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
  // What starts up is not measured: connections, codes, durables, and the compilation of what runs often.
  say('warming up …');
  for (let i = 0; i < warmUpRounds; i++) {
    await Promise.all(Array.from({ length: warmUpGoals }, () => load.submit(performance.now())));
    await until(() => load.settled >= load.accepted, drainMs);
  }
  const before = load.settled;
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
      `${((now - start) / 1000).toFixed(0)} s: ${load.settled - before} goals of ${asked}, ${Math.round(((load.settled - before) * tasksPerGoal * 1000) / (now - start))} tasks/s, scheduling p50 ${s.p50} ms, p95 ${s.p95} ms`,
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
          while (asked - (load.settled - before) < openGoals) {
            asked++;
            load.submit(performance.now()).catch(() => load.refused++);
          }
        };
        load.onSettled = next;
        next();
        setTimeout(resolve, context.seconds * 1000 + 100);
      });
    } else {
      const everyMs = (tasksPerGoal / rate) * 1000;
      for (let due = start; due < end; due += everyMs) {
        while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
        asked++;
        load.submit(due).catch(() => load.refused++);
        tell();
      }
    }
  });
  load.onSettled = () => {};
  const measuredMs = performance.now() - start;
  const done = load.settled - before;
  const cpuAfter = cpu();
  const drained = await until(() => load.settled + load.refused >= asked + before, drainMs);
  const { accepted, refused } = load;
  say(`checking the log of ${accepted} goals …`);
  const check = await checkGoals(databaseUrl);
  const tasksDone = done * tasksPerGoal;
  const used = Object.fromEntries(Object.entries(cpuAfter).map(([name, ms]) => [name, ms - (cpuBefore[name] ?? 0)]));
  const total = Object.values(used).reduce((sum, ms) => sum + ms, 0);
  const metrics: Metrics = {
    tasksPerSecond: Math.round((tasksDone * 1000) / measuredMs),
    schedulingMs: scheduling as Metrics,
    endToEndMs: load.endToEnd.summary(),
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
  const floor = await floorOf(load.publisher, context);
  return { ok, metrics, floor, variant: max ? 'max' : 'rate' };
}

/** What the bus alone takes: acknowledged publishes a second, five of which are a task's budget. */
async function floorOf(publisher: GoalLoad['publisher'], { say }: BenchContext): Promise<Metrics> {
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
