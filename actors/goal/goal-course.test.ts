import { describe, expect, it } from 'vitest';
import { goalResultsBytesMax, resolvedInputBytesMax, resultBytesMax, waveMax } from '../bounds.ts';
import { Domain } from '../testing/domain.ts';
import {
  attemptOf,
  codeOf,
  complete,
  fail,
  historyOf,
  holder,
  spawnedAgent,
  start,
  submittedGoal,
  typesOf,
  workOf,
} from '../testing/scenes.ts';
import type { GoalState } from './state.ts';

const noop = (key: string, ...dependsOn: readonly string[]) => ({ key, type: 'noop', dependsOn, maxAttempts: 1 });
const may = { onFailure: 'continue' };

function goalOf(tasks: readonly object[] | undefined, more: object = {}) {
  const domain = new Domain();
  const agentId = spawnedAgent(domain, more);
  const id = submittedGoal(domain, agentId, tasks ? { plan: { tasks } } : { text: 'do it' });
  const state = () => domain.stateOf<GoalState>('goal', id);
  return {
    domain,
    agentId,
    id,
    at: (key: string) => `${id}.${key}`,
    state,
    why: (key: string) => historyOf(domain, `${id}.${key}`).at(-1)?.[1],
    end: () => historyOf(domain, id).at(-1),
  };
}

describe('a goal whose tasks go well', () => {
  it('lets each go when the last of its dependencies has, with their results in its input', () => {
    const { domain, at, end } = goalOf([
      noop('a'),
      noop('b'),
      {
        ...noop('c', 'a', 'b'),
        input: { x: { $from: 'a', pointer: '/list/1' }, y: [{ $from: 'b' }, { $from: 'a', pointer: '/no' }] },
      },
    ]);
    complete(domain, at('a'), { list: [1, 2] });
    expect(workOf(domain, at('c'))).toBeUndefined();
    domain.wait(5);
    complete(domain, at('b'), 'done');
    expect(workOf(domain, at('c'))).toMatchObject({ phase: 'ready', since: domain.now });
    domain.tell('task', at('c'), 'offer');
    expect(attemptOf(domain, at('c'))).toMatchObject({ input: { x: 2, y: ['done', null] }, attempt: 1, offer: 1 });
    domain.tell('task', at('c'), 'claim', { attempt: 1, ...holder });
    domain.tell('task', at('c'), 'complete', { attempt: 1, ...holder });
    expect(end()).toEqual(['GoalCompleted', { sinks: ['c'], failedTasks: [] }]);
  });

  it('keeps their results in memory within a bound: the attempt that would pass it fails for good', () => {
    const count = Math.floor(goalResultsBytesMax / resultBytesMax);
    const { domain, at, state, why } = goalOf(
      Array.from({ length: count + 1 }, (_, i) => ({ ...noop(`t${i}`), ...may })),
    );
    for (let i = 0; i < count; i++) complete(domain, at(`t${i}`), 'x'.repeat(resultBytesMax - 2));
    expect(state().resultBytes).toBe(goalResultsBytesMax);
    complete(domain, at(`t${count}`), 1);
    expect(why(`t${count}`)).toMatchObject({ error: { code: 'goal_results_too_large', retryable: false } });
  });

  it('gives a task no more input than its bound', () => {
    const fits = goalOf([noop('a'), { ...noop('b', 'a'), input: [{ $from: 'a' }, { $from: 'a' }, 12] }]);
    // Two texts in quotes, two digits, two commas and two brackets: just the bound.
    complete(fits.domain, fits.at('a'), 'x'.repeat((resolvedInputBytesMax - 10) / 2));
    fits.domain.tell('task', fits.at('b'), 'offer');
    expect(typesOf(fits.domain, fits.at('b'))).toEqual(['TaskQueued']);
    const { domain, at, why } = goalOf([
      noop('a'),
      { ...noop('b', 'a'), input: [{ $from: 'a' }, { $from: 'a' }, { $from: 'a' }] },
    ]);
    complete(domain, at('a'), 'x'.repeat(Math.ceil(resolvedInputBytesMax / 3)));
    domain.tell('task', at('b'), 'offer');
    expect(why('b')).toMatchObject({ attempt: 0, error: { code: 'input_too_large', retryable: false } });
  });
});

describe('a goal with a task that fails', () => {
  it('fails, and cancels all that is open: what depends on the culprit for that, the rest for the goal', () => {
    const { domain, id, at, why, end } = goalOf([noop('a'), noop('b', 'a'), noop('c', 'b'), noop('d'), noop('e')]);
    complete(domain, at('e'));
    start(domain, at('d'));
    fail(domain, at('a'));
    const culprit = at('a');
    expect(end()).toEqual(['GoalFailed', { error: { code: 'boom', message: 'no', retryable: false }, culprit }]);
    expect(['b', 'c', 'd'].map(why)).toEqual([
      { code: 'dependency_failed', culprit },
      { code: 'dependency_failed', culprit },
      { code: 'goal_failed', culprit },
    ]);
    expect(typesOf(domain, at('e')).at(-1)).toBe('TaskCompleted');
    expect(codeOf(domain.tell('task', at('d'), 'complete', { attempt: 1, ...holder }))).toBe('attempt_fenced');
    expect(id).toBeDefined();
  });

  it('fails also while it is paused', () => {
    const { domain, id, at, end } = goalOf([noop('a'), noop('b')]);
    start(domain, at('a'));
    domain.tell('goal', id, 'pause');
    domain.tell('task', at('a'), 'fail', { attempt: 1, ...holder });
    expect(end()?.[0]).toBe('GoalFailed');
  });

  it('goes on without it where it may, and says so', () => {
    const { domain, at, end } = goalOf([
      { ...noop('a'), ...may },
      { ...noop('b', 'a'), input: { $from: 'a' } },
    ]);
    fail(domain, at('a'));
    domain.tell('task', at('b'), 'offer');
    expect(attemptOf(domain, at('b'))).toMatchObject({ input: null });
    domain.tell('task', at('b'), 'claim', { attempt: 1, ...holder });
    domain.tell('task', at('b'), 'complete', { attempt: 1, ...holder });
    expect(end()).toEqual(['GoalCompleted', { sinks: ['b'], failedTasks: ['a'] }]);
  });
});

describe('a goal with a task that somebody cancels', () => {
  it('fails when it needs it', () => {
    const { domain, at, why, end } = goalOf([noop('a'), noop('b', 'a'), noop('c')]);
    domain.tell('task', at('a'), 'cancel', { reason: 'wrong' });
    const culprit = at('a');
    expect(end()).toEqual(['GoalFailed', { error: { code: 'task_cancelled', message: 'wrong' }, culprit }]);
    expect(['a', 'b', 'c'].map(why)).toEqual([
      { code: 'cancelled', reason: 'wrong' },
      { code: 'dependency_failed', culprit },
      { code: 'goal_failed', culprit },
    ]);
  });

  it('goes on without it where it may', () => {
    const { domain, at, end } = goalOf([{ ...noop('a'), ...may }, noop('b', 'a')]);
    domain.tell('task', at('a'), 'cancel');
    complete(domain, at('b'));
    expect(end()).toEqual(['GoalCompleted', { sinks: ['b'], failedTasks: ['a'] }]);
  });

  it('fails when that was to plan it', () => {
    const { domain, at, end } = goalOf(undefined);
    domain.tell('task', at('_plan'), 'cancel');
    expect(end()).toMatchObject(['GoalFailed', { error: { code: 'task_cancelled' }, culprit: at('_plan') }]);
  });
});

describe('a goal that is planned', () => {
  it('goes by the plan its planning task brings, with all its defaults', () => {
    const { domain, id, at, state } = goalOf(undefined);
    complete(domain, at('_plan'), { tasks: [{ key: 'a', type: 'noop' }] });
    expect(typesOf(domain, id).slice(1)).toEqual(['GoalPlanned', 'GoalActivated']);
    expect(state().graph?.nodes.get('a')?.task).toMatchObject({ pool: 'default', priority: 5, maxAttempts: 3 });
  });

  it.each([
    ['that is none', { steps: [] }, 'plan_invalid'],
    ['that is missing', undefined, 'plan_invalid'],
    ['with a cycle', { tasks: [{ key: 'a', type: 'noop', dependsOn: ['a'] }] }, 'plan_invalid'],
    ['with a tool its agent may not use', { tasks: [{ key: 'a', type: 'shell' }] }, 'plan_invalid'],
  ])('fails with a plan %s', (_what, plan, code) => {
    const { domain, id, at, end } = goalOf(undefined, { allowedTools: ['noop'] });
    complete(domain, at('_plan'), plan as never);
    expect(typesOf(domain, id).slice(1)).toEqual(['GoalPlanRejected', 'GoalFailed']);
    expect(end()?.[1]).toMatchObject({
      error: { code, message: expect.stringMatching(/faults: (\/steps|\/tasks|the plan)/) },
    });
  });

  it('goes by the tools its agent had when it was admitted', () => {
    const { domain, agentId, at, state } = goalOf(undefined, { allowedTools: ['noop'] });
    domain.tell('agent', agentId, 'patch', { allowedTools: ['shell'] });
    complete(domain, at('_plan'), { tasks: [{ key: 'a', type: 'noop' }] });
    expect(state().status).toBe('active');
  });

  it('fails when its planning task does', () => {
    const { domain, at, end } = goalOf(undefined);
    fail(domain, at('_plan'));
    expect(end()).toMatchObject(['GoalFailed', { error: { code: 'boom' }, culprit: at('_plan') }]);
  });
});

describe('a goal that is paused', () => {
  it('starts nothing: what was offered cannot be claimed, and is offered again when it goes on', () => {
    const { domain, id, at } = goalOf([noop('a'), noop('b')]);
    domain.tell('task', at('a'), 'offer');
    expect(workOf(domain, at('a'))?.phase).toBe('offered');
    domain.tell('goal', id, 'pause');
    expect([workOf(domain, at('a')), workOf(domain, at('b'))]).toEqual([undefined, undefined]);
    expect(codeOf(domain.tell('task', at('a'), 'claim', { attempt: 1, ...holder }))).toBe('goal_paused');
    domain.tell('task', at('b'), 'offer');
    domain.wait(3_600_000);
    domain.ring();
    expect([typesOf(domain, at('a')), typesOf(domain, at('b'))]).toEqual([['TaskQueued'], []]);
    domain.tell('goal', id, 'resume');
    expect([workOf(domain, at('a'))?.phase, workOf(domain, at('b'))?.phase]).toEqual(['offered', 'ready']);
  });

  it('lets what runs go on, and what that lets go waits', () => {
    const { domain, id, at } = goalOf([noop('a'), noop('b', 'a')]);
    start(domain, at('a'));
    domain.tell('goal', id, 'pause');
    expect(workOf(domain, at('a'))?.phase).toBe('held');
    domain.tell('task', at('a'), 'complete', { attempt: 1, ...holder });
    expect(workOf(domain, at('b'))).toBeUndefined();
    domain.tell('goal', id, 'resume');
    expect(workOf(domain, at('b'))?.phase).toBe('ready');
  });

  it('completes when the last of what ran has', () => {
    const { domain, id, at, end } = goalOf([noop('a')]);
    start(domain, at('a'));
    domain.tell('goal', id, 'pause');
    domain.tell('task', at('a'), 'complete', { attempt: 1, ...holder });
    expect(end()?.[0]).toBe('GoalCompleted');
  });
});

describe('a goal’s time', () => {
  it('ends it at its deadline, with all that runs', () => {
    const { domain, at, why, state } = goalOf([noop('a')]);
    start(domain, at('a'));
    domain.now = state().deadline;
    domain.ring();
    expect(state().status).toBe('cancelled');
    expect(why('a')).toEqual({ code: 'deadline_exceeded' });
  });

  it('for approval is over after a day', () => {
    const domain = new Domain();
    const id = submittedGoal(domain, spawnedAgent(domain), { plan: { tasks: [noop('a')] }, requireApproval: true });
    domain.wait(24 * 3_600_000 - 1);
    domain.ring();
    expect(typesOf(domain, id).at(-1)).toBe('GoalApprovalRequested');
    domain.wait(1);
    domain.ring();
    expect(historyOf(domain, id).slice(-2)).toEqual([
      ['GoalApprovalExpired', {}],
      ['GoalCancelled', { code: 'approval_expired', reason: 'nobody approved the goal in time' }],
    ]);
  });

  it('does not mind a timer of an earlier run, of another name, or for an approval that was given', () => {
    const { domain, id, at } = goalOf([noop('a')]);
    for (const timer of [
      { name: 'approval', generation: 1 },
      { name: 'lunch', generation: 1 },
    ])
      domain.tell('goal', id, 'timer', timer);
    fail(domain, at('a'));
    domain.tell('task', at('a'), 'redrive');
    domain.tell('goal', id, 'timer', { name: 'deadline', generation: 1 });
    expect(domain.stateOf<GoalState>('goal', id).status).toBe('active');
  });
});

describe('a goal of more tasks than a wave', () => {
  const tasks = [noop('a'), ...Array.from({ length: waveMax * 2 }, (_, i) => noop(`t${i}`, 'a'))];

  it('cancels them all, once each, in parts of one wave; and reopens them so', () => {
    const { domain, id, at, state, why } = goalOf(tasks);
    fail(domain, at('a'));
    expect(state().graph?.counts).toMatchObject({ dead_letter: 1, cancelled: waveMax * 2 });
    expect(why(`t${waveMax * 2 - 1}`)).toEqual({ code: 'dependency_failed', culprit: at('a') });
    domain.tell('task', at('a'), 'redrive');
    expect(state().graph?.counts).toMatchObject({ pending: 1, created: waveMax * 2 });
    const ended = domain.events.filter(({ type }) => type === 'TaskCancelled');
    expect(new Set(ended.map(({ actor }) => actor.id)).size).toBe(ended.length);
    expect(domain.events.filter(({ type }) => type === 'TaskReopened')).toHaveLength(waveMax * 2);
    expect(id).toBeDefined();
  });

  it('sends no more at once than one wave', () => {
    const { domain, id } = goalOf(tasks);
    const { behavior, state } = domain.find({ org: 'default', type: 'goal', id });
    domain.tell('goal', id, 'cancel');
    const event = domain.events.find(({ type }) => type === 'GoalCancelled');
    const wave = (state as GoalState).wave;
    expect(wave).toMatchObject({ verb: 'cancel', sent: waveMax * 2 + 1, done: waveMax * 2 + 1 });
    Object.assign(wave as object, { sent: waveMax });
    const sent = behavior.react?.(state, event as never, { verb: 'cancel', body: {} }) ?? [];
    expect(sent.filter((effect) => effect.kind === 'send' && effect.verb === 'cancel')).toHaveLength(waveMax);
  });
});
