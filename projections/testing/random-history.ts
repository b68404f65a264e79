import type { StoredEvent } from '../../kernel/event.ts';
import type { Random } from '../../kernel/random.ts';
import { GoalScript, planned, profile } from './scenes.ts';
import type { Happening, Story } from './story.ts';

interface LiveTask {
  readonly key: string;
  readonly dependsOn: readonly string[];
  readonly carriesOn: boolean;
  status: 'created' | 'queued' | 'running' | 'failed' | 'well' | 'ended';
  attempt: number;
}

interface LiveGoal {
  readonly script: GoalScript;
  readonly shard: number;
  readonly tasks: Map<string, LiveTask>;
}

const orgs = ['default', 'other'];
const pools = ['default', 'gpu'];
const types = ['noop', 'shell', 'js'];

/**
 * Makes a history of several orgs, agents, goals with random graphs, workers and dead letters, as a kernel might have
 * recorded it. Returns its commits in the order they were made.
 */
export async function randomHistory(story: Story, random: Random, steps: number): Promise<StoredEvent[][]> {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.number() * from.length)] as T;
  const chance = (share: number): boolean => random.number() < share;
  const agents: { org: string; id: string; shard: number }[] = [];
  const workers: { org: string; id: string; shard: number }[] = [];
  const goals: LiveGoal[] = [];
  const commits: StoredEvent[][] = [];
  const someShard = (): number => Math.floor(random.number() * story.shards);

  /** An agent that fails, is held back, and goes on. */
  const failureStep = (): { shard: number; happenings: Happening[] } => {
    const known = pick(agents);
    if (!known) return { shard: 0, happenings: [] };
    const { org, id, shard } = known;
    const actor = { org, actor: 'supervision', id: `sv${id.slice(2)}` };
    const of = { org, type: 'agent', id };
    const failed = (more: object = {}): Happening => ({
      ...actor,
      type: 'ActorFailed',
      data: { of, code: 'internal', deadLetter: `dl_${story.at}`, windowMs: 60_000, ...more },
    });
    const about = (type: string, data: object): Happening => ({ ...actor, type, data });
    return {
      shard,
      happenings: pick([
        [failed()],
        [failed({ until: story.at + 100_000 })],
        [failed(), about('ActorSuspended', { reason: 'restarts', deadLetter: 'dl' })],
        [about('CommandsDeferred', { commands: [{ command: {}, bytes: 2 }] })],
        [about('ActorResumed', { by: 'key:test' })],
      ]),
    };
  };

  const agentStep = (): { shard: number; happenings: Happening[] } => {
    const known = pick(agents);
    if (!known || chance(0.3)) {
      const fresh = { org: pick(orgs), id: story.id('ag'), shard: someShard() };
      agents.push(fresh);
      const data = profile({ name: `Agent ${agents.length}`, tags: chance(0.5) ? ['red', 'blue'] : ['red'] });
      return { shard: fresh.shard, happenings: [{ ...fresh, actor: 'agent', type: 'AgentSpawned', data }] };
    }
    const about = (type: string, data: object): Happening => ({ ...known, actor: 'agent', type, data });
    return {
      shard: known.shard,
      happenings: [
        pick([
          about('AgentPaused', { reason: 'tired' }),
          about('AgentResumed', {}),
          about('AgentProfileChanged', { tags: ['green'], name: `Renamed ${story.at}` }),
          about('AgentMessageReceived', { type: 'note', payload: { at: story.at } }),
          about('AgentStopped', {}),
          about('AgentGoalAdmitted', { goalId: 'gl', run: 1 }),
        ]),
      ],
    };
  };

  const workerStep = (): { shard: number; happenings: Happening[] } => {
    const known = pick(workers);
    if (!known || chance(0.3)) {
      const fresh = { org: pick(orgs), id: story.id('wk'), shard: someShard() };
      workers.push(fresh);
      const data = {
        pools: [pick(pools)],
        slots: 4,
        types,
        drivers: ['process'],
        host: 'here',
        version: '1',
        incarnation: 'i1',
      };
      return { shard: fresh.shard, happenings: [{ ...fresh, actor: 'worker', type: 'WorkerRegistered', data }] };
    }
    const about = (type: string): Happening => ({
      ...known,
      actor: 'worker',
      type,
      data: { incarnation: 'i1', reason: 'because' },
    });
    return {
      shard: known.shard,
      happenings: [about(pick(['WorkerReturned', 'WorkerLost', 'WorkerDraining', 'WorkerStopped']))],
    };
  };

  const deadLetterStep = (): { shard: number; happenings: Happening[] } => ({
    shard: someShard(),
    happenings: [
      {
        org: pick(orgs),
        actor: 'dead-letter',
        id: story.id('dl'),
        type: 'DeadLetterParked',
        data: {
          origin: { source: 'lane', verb: 'explode' },
          error: { code: 'behavior_failed', kind: 'contained', detail: 'it threw' },
          count: 1,
        },
      },
    ],
  });

  const submit = (): { shard: number; happenings: Happening[] } => {
    const script = new GoalScript(story, { org: pick(orgs), labels: { color: pick(['red', 'blue']) } });
    const size = 1 + Math.floor(random.number() * (chance(0.1) ? 40 : 6));
    const tasks = Array.from({ length: size }, (_, i) =>
      planned(
        `t${i}`,
        Array.from({ length: i }, (_, j) => `t${j}`).filter(() => chance(0.4)),
        { pool: pick(pools), type: pick(types), onFailure: chance(0.3) ? 'continue' : 'fail_goal' },
      ),
    );
    const goal: LiveGoal = { script, shard: someShard(), tasks: new Map() };
    for (const { key, dependsOn, onFailure } of tasks)
      goal.tasks.set(key, { key, dependsOn, carriesOn: onFailure === 'continue', status: 'created', attempt: 0 });
    goals.push(goal);
    return { shard: goal.shard, happenings: [...script.begun(tasks)] };
  };

  const cancelAll = (goal: LiveGoal, culprit: string): Happening[] => {
    const out: Happening[] = [];
    for (const task of goal.tasks.values()) {
      if (task.status === 'well' || task.status === 'ended') continue;
      task.status = 'ended';
      out.push(goal.script.task(task.key, 'TaskCancelled', { code: 'goal_failed', culprit }));
    }
    return out;
  };

  const ended: LiveGoal[] = [];
  const finish = (goal: LiveGoal): void => {
    goals.splice(goals.indexOf(goal), 1);
    ended.push(goal);
  };

  const taskStep = (goal: LiveGoal): Happening[] => {
    const { script, tasks } = goal;
    const movable = [...tasks.values()].filter(
      ({ status, dependsOn }) =>
        status === 'queued' ||
        status === 'running' ||
        status === 'failed' ||
        (status === 'created' && dependsOn.every((key) => tasks.get(key)?.status === 'well')),
    );
    const task = pick(movable);
    if (!task) return [];
    const out: Happening[] = [];
    if (task.status === 'created' || task.status === 'failed') {
      task.attempt++;
      task.status = 'queued';
      out.push(script.queued(task.key, task.attempt));
    } else if (task.status === 'queued') {
      task.status = 'running';
      out.push(script.started(task.key, task.attempt, pick(['wk_a', 'wk_b'])));
    } else if (chance(0.15)) {
      out.push(script.task(task.key, 'TaskProgressed', { attempt: task.attempt, fraction: 0.5 }));
    } else if (chance(0.25)) {
      const again = task.attempt < 3;
      out.push(script.failed(task.key, task.attempt, again ? story.at + 500_000 : undefined));
      task.status = 'failed';
      if (!again) {
        out.push(script.deadLettered(task.key, task.attempt));
        task.status = task.carriesOn ? 'well' : 'ended';
        if (!task.carriesOn) {
          const fails = script.goal('GoalFailed', { error: { code: 'task_failed', message: 'x' }, culprit: task.key });
          out.push(...cancelAll(goal, task.key), fails);
          finish(goal);
          return out;
        }
      }
    } else {
      task.status = 'well';
      out.push(script.completed(task.key, { key: task.key }, task.attempt));
    }
    if ([...tasks.values()].every(({ status }) => status === 'well')) {
      const completes = script.goal('GoalCompleted', { sinks: [...tasks.keys()].slice(-1), failedTasks: [] });
      out.push(completes);
      finish(goal);
    }
    return out;
  };

  /** A failed goal begins another run. */
  const redrive = (goal: LiveGoal): Happening[] => {
    const { script, tasks } = goal;
    ended.splice(ended.indexOf(goal), 1);
    goals.push(goal);
    const out = [script.goal('GoalReopened', { run: 2, tasks: [] })];
    for (const task of tasks.values()) {
      if (task.status === 'well') continue;
      task.status = 'created';
      out.push(script.task(task.key, task.attempt >= 3 ? 'TaskRedriven' : 'TaskReopened', { run: 2 }));
      task.attempt = Math.min(task.attempt, 2);
    }
    return out;
  };

  const step = (): { shard: number; happenings: Happening[] } => {
    if (chance(0.08)) return agentStep();
    if (chance(0.04)) return failureStep();
    if (chance(0.04)) return workerStep();
    if (chance(0.02)) return deadLetterStep();
    if (goals.length === 0 || chance(0.05)) return submit();
    const failed = ended.filter(({ tasks }) => [...tasks.values()].some(({ status }) => status === 'ended'));
    if (failed.length > 0 && chance(0.05)) {
      const goal = pick(failed);
      return { shard: goal.shard, happenings: redrive(goal) };
    }
    const goal = pick(goals);
    const happenings: Happening[] = [];
    for (let i = 0; i < 1 + Math.floor(random.number() * 4) && goals.includes(goal); i++)
      happenings.push(...taskStep(goal));
    return { shard: goal.shard, happenings };
  };

  for (let i = 0; i < steps; i++) {
    const { shard, happenings } = step();
    if (happenings.length > 0) commits.push([...(await story.commit(shard, happenings))]);
  }
  return commits;
}
