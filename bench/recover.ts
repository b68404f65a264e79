import type { Micros } from '../kernel/brand.ts';
import { Histogram } from '../kernel/histogram.ts';
import { seededRandom } from '../kernel/random.ts';
import { checkGoals, type GoalCheck } from './goal-check.ts';
import { GoalLoad, until } from './goal-load.ts';
import { tasksPerGoal } from './goal-plan.ts';
import type { Bench, BenchContext, Outcome } from './harness.ts';
import { type RoleName, type RoleProcess, startSystem } from './system.ts';

/** Between two faults, at least and at most. */
const faultMinMs = 8_000;
const faultMaxMs = 14_000;
/** How long a process is away: one that was killed is started again, one that was paused goes on. */
const awayMinMs = 1_000;
const killedMaxMs = 5_000;
const pausedMaxMs = 30_000;
/** After the last submission, until every goal has ended. */
const drainMs = 120_000;
/** Agents that the goals are of: one alone would have every goal wait for its own shard. */
const agents = 64;
/** Times that a submission is asked for again: who answered may have been killed. */
const submissionsMax = 10;

interface Fault {
  readonly at: Micros;
  readonly what: string;
  readonly role: RoleName;
}

/**
 * Goals at a steady rate while processes are killed and paused at random, one kernel and one worker always being up; then the log is
 * checked, read from Postgres alone. `--kernels N` (3), `--workers N` (2), `--rate N` tasks/s (1157), `--seed N`.
 */
export const recover: Bench = {
  about: 'kernels and workers killed and paused at random under load: --kernels 3, --workers 2, --rate 1157, --seed N',
  seconds: 300,
  run,
};

async function run(context: BenchContext): Promise<Outcome> {
  const { flags, say } = context;
  const number = (name: string, otherwise: number): number => Number(flags.get(name) ?? otherwise);
  const rate = number('rate', 1157);
  const seed = number('seed', Math.floor(performance.timeOrigin) % 1_000_000);
  say(`seed ${seed}`);
  const times = (role: RoleName, count: number): readonly RoleName[] => Array.from({ length: count }, () => role);
  const system = await startSystem(context, { slots: 256, roles: ['gateway'] });
  const up: RoleProcess[] = [];
  for (const role of [...times('kernel', number('kernels', 3)), ...times('worker', number('workers', 2))])
    up.push(await system.start(role));
  const load = await GoalLoad.open(context, system.natsUrl, agents);
  const faults: Fault[] = [];
  const ended = { yet: false };
  const faulting = faultsOf({ up, faults, seed, start: (role) => system.start(role, { wait: false }), say, ended });

  const start = performance.now();
  const end = start + context.seconds * 1000;
  const everyMs = (tasksPerGoal / rate) * 1000;
  let asked = 0;
  let given = 0;
  let told = start;
  for (let due = start; due < end; due += everyMs) {
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
    submitSurely(load, due, `recover-${seed}-${asked++}`).catch((cause: unknown) => {
      given++;
      say(`a goal was given up: ${cause instanceof Error ? cause.message : String(cause)}`);
    });
    if (performance.now() - told > 5000) {
      told = performance.now();
      say(`${Math.round((told - start) / 1000)} s: ${load.settled} goals of ${asked}, ${faults.length} faults`);
    }
  }
  ended.yet = true;
  await faulting;
  const drained = await until(() => load.settled + given >= asked, drainMs);
  say(`checking the log of ${load.accepted} goals …`);
  const check = await checkGoals(system.databaseUrl);
  const lost = check.openGoals + Math.max(0, load.accepted - check.goals - check.openGoals);
  const ok = drained && given === 0 && load.refused === 0 && lost === 0 && check.doubled === 0 && check.flaws === 0;
  if (!ok)
    say(
      `not right: drained ${drained}, given up ${given}, refused ${load.refused}, ${check.goals} goals completed of ${load.accepted}, ${check.openGoals} open; ${check.first ?? 'no flaw'}`,
    );
  const again = (role: RoleName): Histogram => {
    const found = new Histogram();
    for (const fault of faults) if (fault.role === role) found.record(dispatchedAgainMs(check, fault.at));
    return found;
  };
  return {
    ok,
    metrics: {
      goals: asked,
      faults: faults.length,
      takeoverMs: again('kernel').summary(),
      workerLossMs: again('worker').summary(),
      endToEndMs: load.endToEnd.summary(),
      lost,
      doubled: check.doubled,
      flaws: check.flaws,
    },
    floor: {},
  };
}

/** The longest that any shard with work to dispatch took to offer something again, as the log has it. */
function dispatchedAgainMs({ dispatches }: GoalCheck, since: Micros): number {
  let longest = 0;
  for (const { offersAt, work } of dispatches) {
    // Work of that moment: a goal that was there, of which something was still to be offered.
    if (!work.some(({ from, to }) => from <= since && to > since)) continue;
    const next = offersAt.find((at) => at > since) as Micros;
    longest = Math.max(longest, (next - since) / 1000);
  }
  return longest;
}

async function submitSurely(load: GoalLoad, due: number, key: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await load.submit(due, key);
    } catch (cause) {
      if (tries === submissionsMax) throw cause;
    }
  }
}

interface Faulting {
  readonly up: RoleProcess[];
  readonly faults: Fault[];
  readonly seed: number;
  readonly start: (role: RoleName) => Promise<RoleProcess>;
  readonly say: (line: string) => void;
  readonly ended: { readonly yet: boolean };
}

/** Kills and pauses, until told to end; resolves when everything is up again. */
async function faultsOf({ up, faults, seed, start, say, ended }: Faulting): Promise<void> {
  const random = seededRandom(Buffer.alloc(32, String(seed)));
  const between = (least: number, most: number): number => least + random.number() * (most - least);
  const back: Promise<void>[] = [];
  for (;;) {
    await sleep(between(faultMinMs, faultMaxMs), ended);
    if (ended.yet) break;
    const candidates = up.filter(({ role }) => up.filter((other) => other.role === role).length > 1);
    const chosen = candidates[Math.floor(random.number() * candidates.length)];
    if (!chosen) continue;
    up.splice(up.indexOf(chosen), 1);
    const isKill = random.number() < 0.5;
    const awayMs = between(awayMinMs, isKill ? killedMaxMs : pausedMaxMs);
    const what = `${chosen.role} ${chosen.pid} ${isKill ? 'killed' : 'paused'} for ${(awayMs / 1000).toFixed(1)} s`;
    say(what);
    faults.push({
      at: Math.round((performance.timeOrigin + performance.now()) * 1000) as Micros,
      what,
      role: chosen.role,
    });
    if (isKill) await chosen.kill();
    else chosen.pause();
    back.push(
      sleep(awayMs, ended).then(async () => {
        if (!isKill) chosen.resume();
        up.push(isKill ? await start(chosen.role) : chosen);
      }),
    );
  }
  await Promise.all(back);
}

/** Waits, but no longer than until the end. */
async function sleep(ms: number, ended: { readonly yet: boolean }): Promise<void> {
  await until(() => ended.yet, ms);
}
