import { describe, expect, it } from 'vitest';
import type { Reply } from '../../kernel/envelope.ts';
import { waveMax } from '../bounds.ts';
import type { GoalState } from '../goal/state.ts';
import { Domain } from '../testing/domain.ts';
import {
  codeOf,
  complete,
  historyOf,
  idOf,
  newId,
  spawnedAgent,
  submittedGoal,
  submitting,
  typesOf,
} from '../testing/scenes.ts';
import type { AgentState } from './state.ts';

const plan = { tasks: [{ key: 'a', type: 'noop' }] };

function world(input: object = {}) {
  const domain = new Domain();
  const id = spawnedAgent(domain, input);
  const submit = (more: object = {}): Reply => domain.ask(submitting(domain, { agentId: id, plan, ...more }));
  return { domain, id, submit, state: () => domain.stateOf<AgentState>('agent', id) };
}

describe('an agent', () => {
  it('admits goals up to its cap, and again when one has ended', () => {
    const { domain, submit, state } = world({ maxConcurrentGoals: 2 });
    const first = idOf(submit());
    submit();
    const refused = submit();
    expect(refused).toMatchObject({
      ok: false,
      problem: { kind: 'overloaded', code: 'concurrent_goals_cap', retryAfterMs: 1000 },
    });
    expect(domain.events.filter(({ type }) => type === 'GoalSubmitted')).toHaveLength(2);
    complete(domain, `${first}.a`);
    expect(state().open.size).toBe(1);
    expect(codeOf(submit())).toBe('ok');
  });

  it('checks the plan again, whoever sent it past the edge', () => {
    const { domain, id } = world();
    const goal = { agentId: id, priority: 5, plan: { tasks: [{ key: 'a', type: 'noop', dependsOn: ['a'] }] } };
    const reply = domain.tell('agent', id, 'admit', { goalId: newId('gl'), goal });
    expect(reply).toMatchObject({
      ok: false,
      problem: {
        code: 'plan_invalid',
        errors: [{ pointer: '/plan/tasks', message: 'expected no cycle, found a → a' }],
      },
    });
  });

  it('admits no plan with a tool it may not use', () => {
    const { submit } = world({ allowedTools: ['shell'] });
    expect(submit()).toMatchObject({
      ok: false,
      problem: { code: 'plan_invalid', errors: [{ pointer: '/plan/tasks/0/type' }] },
    });
    expect(codeOf(submit({ plan: { tasks: [{ key: 'a', type: 'shell' }] } }))).toBe('ok');
  });

  it('pins its profile to the goals it admits', () => {
    const { domain, id, submit } = world({ allowedTools: ['noop'] });
    domain.tell('agent', id, 'patch', { priority: 1 });
    expect(domain.stateOf<GoalState>('goal', idOf(submit())).agent).toEqual({
      profileVersion: 2,
      allowedTools: ['noop'],
    });
  });

  it('of whom nobody knows admits nothing', () => {
    const domain = new Domain();
    expect(codeOf(domain.ask(submitting(domain, { agentId: newId('ag'), plan })))).toBe('not_found');
  });

  it.each([
    ['no goal id', { goal: {} }],
    ['no goal', { goalId: 'gl' }],
    ['a goal that is text', { goalId: 'gl', goal: 'do it' }],
  ])('does not understand an admission with %s', (_what, body) => {
    const { domain, id } = world();
    expect(codeOf(domain.tell('agent', id, 'admit', body))).toBe('invalid_input');
  });

  it('settles only what it counts', () => {
    const { domain, id } = world();
    const before = domain.events.length;
    domain.tell('agent', id, 'settle', { goalId: newId('gl'), run: 1, status: 'completed' });
    expect(domain.events.length).toBe(before);
  });

  it('counts a run of a goal until that run has ended, however late the end of an earlier one is told (I8)', () => {
    const { domain, id, submit, state } = world();
    const goal = idOf(submit());
    const settle = (run: number): Reply =>
      domain.tell('agent', id, 'settle', { goalId: goal, run, status: 'completed' });
    domain.tell('agent', id, 'readmit', { goalId: goal, run: 2 });
    settle(1);
    expect([...state().open]).toEqual([[goal, 2]]);
    settle(2);
    expect(state().open.size).toBe(0);
  });

  it('does not count a run that has ended before it is told of it (I8), and counts the next one', () => {
    const { domain, id, submit, state } = world();
    const goal = idOf(submit());
    const settle = (run: number): Reply =>
      domain.tell('agent', id, 'settle', { goalId: goal, run, status: 'completed' });
    const readmit = (run: number): Reply => domain.tell('agent', id, 'readmit', { goalId: goal, run });
    settle(1);
    settle(2);
    readmit(2);
    expect(state().open.size).toBe(0);
    readmit(3);
    expect([...state().open]).toEqual([[goal, 3]]);
    expect(state().overBefore.size).toBe(0);
    settle(4);
    readmit(4);
    expect(state().open.size).toBe(0);
  });

  it('that drains stops when its last goal has ended, at once when it has none', () => {
    const { domain, id, submit } = world();
    const [first, second] = [idOf(submit()), idOf(submit())];
    domain.tell('agent', id, 'drain');
    expect(codeOf(submit())).toBe('agent_not_accepting');
    complete(domain, `${first}.a`);
    expect(typesOf(domain, id).at(-1)).toBe('AgentGoalSettled');
    complete(domain, `${second}.a`);
    expect(historyOf(domain, id).at(-1)).toEqual(['AgentStopped', { reason: 'drained' }]);

    const idle = world();
    idle.domain.tell('agent', idle.id, 'drain');
    expect(typesOf(idle.domain, idle.id).slice(-2)).toEqual(['AgentDrainStarted', 'AgentStopped']);
  });

  it('that is stopped cancels its goals, in parts of one wave', () => {
    const { domain, id, state } = world({ maxConcurrentGoals: 10_000 });
    const goals = Array.from({ length: waveMax + 2 }, () => submittedGoal(domain, id, { plan }));
    domain.post(domain.command('agent', id, 'stop'));
    domain.step();
    expect(state().told).toBe(waveMax);
    domain.settle();
    expect(goals.map((goal) => domain.stateOf<GoalState>('goal', goal).status)).toEqual(goals.map(() => 'cancelled'));
    expect(historyOf(domain, goals.at(-1) ?? '').at(-1)).toEqual(['GoalCancelled', { code: 'agent_stopped' }]);
    expect(state().open.size).toBe(0);
  });

  it('keeps its goals when it is paused or suspended', () => {
    for (const verb of ['pause', 'fail']) {
      const { domain, id, submit } = world();
      const goal = idOf(submit());
      domain.tell('agent', id, verb);
      complete(domain, `${goal}.a`);
      expect(domain.stateOf<GoalState>('goal', goal).status).toBe('completed');
    }
  });

  it('does not understand a message without a type', () => {
    const { domain, id } = world();
    expect(codeOf(domain.tell('agent', id, 'message', { payload: 1 }))).toBe('invalid_input');
    domain.tell('agent', id, 'message', { type: 'note' });
    expect(historyOf(domain, id).at(-1)).toEqual(['AgentMessageReceived', { type: 'note', payload: null }]);
  });
});
