import { describe, expect, it } from 'vitest';
import type { Json } from '../../kernel/envelope.ts';
import type { GoalState } from '../goal/state.ts';
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
} from '../testing/scenes.ts';
import type { TaskState } from './state.ts';

function goalOf(tasks: readonly object[], more: object = {}) {
  const domain = new Domain();
  const agentId = spawnedAgent(domain);
  const id = submittedGoal(domain, agentId, { plan: { tasks }, ...more });
  return {
    domain,
    agentId,
    id,
    task: (key: string) => `${id}.${key}`,
    redrive: (key: string) => codeOf(domain.tell('task', `${id}.${key}`, 'redrive')),
    status: () => domain.stateOf<GoalState>('goal', id).status,
    taskStatus: (key: string) => domain.stateOf<GoalState>('goal', id).graph?.nodes.get(key)?.status,
  };
}

const noop = (key: string, ...dependsOn: readonly string[]) => ({ key, type: 'noop', dependsOn, maxAttempts: 2 });
const may = { onFailure: 'continue' };

describe('redriving a dead letter', () => {
  it('begins run 2 of it, of its goal and of what its failure had cancelled; attempts go on, and are counted anew', () => {
    const { domain, agentId, id, task: at, redrive, status } = goalOf([noop('a'), noop('b', 'a'), noop('c')]);
    complete(domain, at('c'));
    fail(domain, at('a'));
    expect(status()).toBe('failed');
    expect(redrive('a')).toBe('ok');
    expect(historyOf(domain, at('a')).at(-1)).toEqual(['TaskRedriven', { run: 2 }]);
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalReopened', { run: 2, tasks: ['b'] }]);
    expect(historyOf(domain, at('b')).at(-1)).toEqual(['TaskReopened', { run: 2 }]);
    expect(historyOf(domain, agentId).at(-1)).toEqual(['AgentGoalAdmitted', { goalId: id, run: 2 }]);
    // Two more attempts, though one was used up before.
    fail(domain, at('a'), { code: 'boom', message: 'no' });
    domain.wait(60_000);
    complete(domain, at('a'));
    expect(domain.stateOf<TaskState>('task', at('a'))).toMatchObject({ attempt: 3, run: 2, status: 'completed' });
    complete(domain, at('b'));
    expect(status()).toBe('completed');
    expect(typesOf(domain, agentId).filter((type) => type === 'AgentGoalSettled')).toHaveLength(2);
  });

  it('leaves the next run alone with what an earlier one has told its tasks, however late that comes (I8)', () => {
    const { domain, id, task: at, redrive, status, taskStatus } = goalOf([noop('a'), noop('b', 'a'), noop('c')]);
    const told = (key: string, verb: string, body: object): void =>
      domain.deliver(domain.command('task', at(key), verb, body as Json, { principal: `actor:goal/${id}` }));
    fail(domain, at('a'));
    redrive('a');
    told('c', 'cancel', { code: 'goal_failed', culprit: at('a'), run: 1 });
    expect(taskStatus('c')).toBe('pending');
    fail(domain, at('a'));
    expect(redrive('a')).toBe('ok');
    domain.tell('task', at('b'), 'cancel');
    expect(status()).toBe('failed');
    told('b', 'reopen', { run: 2 });
    expect(taskStatus('b')).toBe('cancelled');
  });

  it('begins no run in which nothing is to be done, when what was redriven has ended before its goal heard of it (I8)', () => {
    const { domain, id, task: at, status } = goalOf([noop('a')]);
    complete(domain, at('a'));
    domain.deliver(domain.command('goal', id, 'reopen', {}, { principal: `actor:task/${at('a')}` }));
    expect(status()).toBe('completed');
  });

  it('reopens nothing any more once its goal has ended in that very run (I8)', () => {
    const { domain, id, task: at, redrive, status, taskStatus } = goalOf([noop('a'), noop('b', 'a')]);
    fail(domain, at('a'));
    redrive('a');
    domain.tell('goal', id, 'cancel');
    expect(status()).toBe('cancelled');
    domain.deliver(domain.command('task', at('b'), 'reopen', { run: 2 }, { principal: `actor:goal/${id}` }));
    expect(taskStatus('b')).toBe('cancelled');
  });

  it('gives the next run another key for the side effects of its handler', () => {
    const { domain, task: at, redrive } = goalOf([noop('a')]);
    const key = () => attemptOf(domain, at('a'))['idempotencyKey'];
    expect(key()).toBe(`${at('a')}:1`);
    fail(domain, at('a'));
    redrive('a');
    expect(key()).toBe(`${at('a')}:2`);
  });

  it('takes one of a goal that has completed without it', () => {
    const { domain, id, task: at, redrive, status } = goalOf([{ ...noop('a'), ...may }, noop('b', 'a')]);
    fail(domain, at('a'));
    complete(domain, at('b'));
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalCompleted', { sinks: ['b'], failedTasks: ['a'] }]);
    expect(redrive('a')).toBe('ok');
    complete(domain, at('a'));
    expect(status()).toBe('completed');
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalCompleted', { sinks: ['b'], failedTasks: [] }]);
    expect(typesOf(domain, at('b'))).toEqual(['TaskQueued', 'TaskStarted', 'TaskCompleted']);
  });

  it('joins the run that another dead letter of the goal has begun', () => {
    const {
      domain,
      id,
      task: at,
      redrive,
      status,
      taskStatus,
    } = goalOf([{ ...noop('a'), ...may }, noop('b'), noop('c', 'a', 'b')]);
    fail(domain, at('a'));
    fail(domain, at('b'));
    expect(redrive('a')).toBe('ok');
    // What depends on one that is broken still is not reopened.
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalReopened', { run: 2, tasks: [] }]);
    expect(taskStatus('c')).toBe('cancelled');
    expect(redrive('b')).toBe('ok');
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalReopened', { run: 2, tasks: ['c'] }]);
    expect(taskStatus('c')).toBe('created');
    for (const key of ['a', 'b', 'c']) complete(domain, at(key));
    expect(status()).toBe('completed');
    expect(historyOf(domain, at('b')).filter(([type]) => type === 'TaskRedriven')).toEqual([
      ['TaskRedriven', { run: 2 }],
    ]);
  });

  it('of one alone leaves its goal failed by the other', () => {
    const { domain, id, task: at, redrive } = goalOf([{ ...noop('a'), ...may }, noop('b'), noop('c', 'b')]);
    fail(domain, at('a'));
    fail(domain, at('b'));
    redrive('a');
    complete(domain, at('a'));
    expect(historyOf(domain, id).at(-1)).toEqual([
      'GoalFailed',
      { error: { code: 'task_failed', message: 'task b is a dead letter of an earlier run' }, culprit: at('b') },
    ]);
  });

  it('makes what it had let go wait again, and does not join while that is under way', () => {
    const { domain, task: at, redrive, taskStatus } = goalOf([{ ...noop('a'), ...may }, noop('b', 'a'), noop('z')]);
    fail(domain, at('a'));
    fail(domain, at('b'));
    expect(redrive('b')).toBe('ok');
    expect(taskStatus('b')).toBe('pending');
    expect(redrive('a')).toBe('ok');
    expect([taskStatus('a'), taskStatus('b')]).toEqual(['pending', 'created']);

    const second = goalOf([{ ...noop('a'), ...may }, noop('b', 'a'), noop('z')]);
    fail(second.domain, second.task('a'));
    fail(second.domain, second.task('b'));
    second.redrive('b');
    start(second.domain, second.task('b'));
    expect(second.redrive('a')).toBe('invalid_transition');
  });

  it('is refused in a goal that goes on, is paused or was cancelled', () => {
    const { domain, id, task: at, redrive, status } = goalOf([{ ...noop('a'), ...may }, noop('b')]);
    fail(domain, at('a'));
    const found = [status(), redrive('a')];
    domain.tell('goal', id, 'pause');
    found.push(status(), redrive('a'));
    domain.tell('goal', id, 'cancel');
    found.push(status(), redrive('a'));
    expect(found).toEqual(['active', 'paused', 'cancelled'].flatMap((state) => [state, 'invalid_transition']));
  });

  it('is refused for a task that is none, also when its goal has ended', () => {
    const { domain, task: at, redrive } = goalOf([noop('a'), noop('b', 'a'), noop('c')]);
    complete(domain, at('c'));
    fail(domain, at('a'));
    expect([redrive('b'), redrive('c')]).toEqual(['invalid_transition', 'invalid_transition']);
  });

  it('is refused for a planning task', () => {
    const domain = new Domain();
    const id = submittedGoal(domain, spawnedAgent(domain), { text: 'do it' });
    fail(domain, `${id}._plan`);
    expect(domain.stateOf<GoalState>('goal', id).status).toBe('failed');
    expect(codeOf(domain.tell('task', `${id}._plan`, 'redrive'))).toBe('invalid_transition');
  });

  it('leaves goals that had depended on its goal as they are', () => {
    const { domain, agentId, id, task: at, redrive } = goalOf([noop('a')]);
    const next = submittedGoal(domain, agentId, { plan: { tasks: [noop('a')] }, dependsOn: [id] });
    fail(domain, at('a'));
    expect(historyOf(domain, next).at(-1)).toEqual(['GoalCancelled', { code: 'dependency_failed', culprit: id }]);
    const before = typesOf(domain, next).length;
    redrive('a');
    complete(domain, at('a'));
    expect(typesOf(domain, next)).toHaveLength(before);
  });

  it('does not hear the attempt of the run before', () => {
    const { domain, task: at, redrive } = goalOf([noop('a')]);
    fail(domain, at('a'));
    redrive('a');
    const late = { attempt: 1, ...holder, result: 1 };
    expect(codeOf(domain.tell('task', at('a'), 'complete', late))).toBe('attempt_fenced');
  });
});
