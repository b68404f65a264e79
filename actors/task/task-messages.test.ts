import { describe, expect, it } from 'vitest';
import type { Json } from '../../kernel/envelope.ts';
import type { AgentState } from '../agent/state.ts';
import { sentBytesMax, sentMessagesMax, spawnedMax } from '../bounds.ts';
import { nameId } from '../name/behavior.ts';
import { Domain } from '../testing/domain.ts';
import {
  codeOf,
  fail,
  historyOf,
  holder,
  newId,
  spawnedAgent,
  start,
  submittedGoal,
  typesOf,
} from '../testing/scenes.ts';
import { spawnedId } from './report.ts';

/** What tasks send to other agents (docs/domain.md, "Agent"). */
function scene() {
  const domain = new Domain();
  const sender = spawnedAgent(domain);
  const receiver = spawnedAgent(domain);
  const goal = submittedGoal(domain, sender, { plan: { tasks: [{ key: 'a', type: 'noop', maxAttempts: 2 }] } });
  return { domain, sender, receiver, taskId: `${goal}.a`, goal };
}

const note = (to: string, payload: Json = null) => ({ to, type: 'note', payload });
const mailOf = (domain: Domain, id: string) =>
  historyOf(domain, id).flatMap(([type, data]) => (type === 'AgentMessageReceived' ? [data] : []));
const report = (domain: Domain, taskId: string, attempt: number, messages: Json) =>
  domain.tell('task', taskId, 'complete', { attempt, ...holder, messages });

describe('the messages of an attempt', () => {
  it('go out with its completion, once, in the name of its agent', () => {
    const { domain, sender, receiver, taskId } = scene();
    const attempt = start(domain, taskId);
    const messages = [note(receiver, 1), { to: receiver, type: 'other' }];
    expect(codeOf(report(domain, taskId, attempt, messages))).toBe('ok');
    const from = `agent:${sender}`;
    const received = [
      { type: 'note', payload: 1, from, taskId },
      { type: 'other', payload: null, from, taskId },
    ];
    expect(mailOf(domain, receiver)).toEqual(received);
    // The report comes again, because its answer was lost.
    expect(report(domain, taskId, attempt, messages)).toMatchObject({ ok: true, replayed: true });
    expect(mailOf(domain, receiver)).toEqual(received);
  });

  it('of one that failed are not sent; those of the one that did it are', () => {
    const { domain, receiver, taskId } = scene();
    fail(domain, taskId, { code: 'boom', message: 'no' });
    domain.wait(10_000);
    const attempt = start(domain, taskId);
    expect(codeOf(report(domain, taskId, attempt - 1, [note(receiver, 'late')]))).toBe('attempt_fenced');
    report(domain, taskId, attempt, [note(receiver, 'in time')]);
    expect(mailOf(domain, receiver)).toMatchObject([{ payload: 'in time' }]);
  });

  it('are none by default: a completion without any says nothing of them', () => {
    const { domain, taskId } = scene();
    report(domain, taskId, start(domain, taskId), []);
    expect(historyOf(domain, taskId).at(-1)).toEqual(['TaskCompleted', { attempt: 1 }]);
  });

  it('reach a paused agent, and the sender itself', () => {
    const { domain, sender, receiver, taskId } = scene();
    domain.tell('agent', receiver, 'pause');
    report(domain, taskId, start(domain, taskId), [note(receiver), note(sender)]);
    expect([mailOf(domain, receiver), mailOf(domain, sender)]).toMatchObject([[{}], [{}]]);
  });

  it.each<[string, string, (to: string) => Json]>([
    ['no list', 'message_invalid', () => 'x'],
    ['no agent', 'message_invalid', () => [note('gl_x')]],
    ['no type', 'message_invalid', (to) => [{ to, payload: 1 }]],
    ['an unknown field', 'message_invalid', (to) => [{ ...note(to), from: 'key:other' }]],
    ['too many', 'message_invalid', (to) => Array.from({ length: sentMessagesMax + 1 }, () => note(to))],
    ['too large', 'messages_too_large', (to) => [note(to, 'x'.repeat(sentBytesMax - 10))]],
  ])('fail it for good when they are %s', (_what, code, messages) => {
    const { domain, receiver, taskId, goal } = scene();
    report(domain, taskId, start(domain, taskId), messages(receiver));
    expect(typesOf(domain, taskId)).toContain('TaskDeadLettered');
    expect(historyOf(domain, goal).at(-1)).toMatchObject(['GoalFailed', { error: { code } }]);
    expect(mailOf(domain, receiver)).toEqual([]);
  });

  it.each(['drain', 'stop', 'fail'])('are kept where nobody hears a refusal: its agent was told to %s', (verb) => {
    const { domain, receiver } = scene();
    submittedGoal(domain, receiver, { plan: { tasks: [{ key: 'a', type: 'noop' }] } });
    domain.tell('agent', receiver, verb);
    const decision = domain.decision(domain.command('agent', receiver, 'message', { type: 'note' }));
    expect(decision).toMatchObject({ kind: 'refused', isKept: true, problem: { code: 'agent_not_accepting' } });
    const nobody = domain.decision(domain.command('agent', newId('ag'), 'message', { type: 'note' }));
    expect(nobody).toMatchObject({ kind: 'refused', isKept: true, problem: { code: 'not_found' } });
  });
});

describe('the holder of an attempt', () => {
  it('is told of the profile that its goal was admitted with', () => {
    const { domain, sender, taskId } = scene();
    const attempt = start(domain, taskId);
    domain.tell('agent', sender, 'patch', { systemPrompt: 'changed since' });
    const reply = domain.tell('task', taskId, 'profile', { attempt, ...holder });
    expect(reply).toMatchObject({ ok: true, id: sender, data: { profile: { systemPrompt: '' } } });
  });

  it('hears whether an agent takes messages', () => {
    const { domain, receiver, taskId } = scene();
    const attempt = start(domain, taskId);
    const reach = (agentId: Json) => codeOf(domain.tell('task', taskId, 'reach', { attempt, ...holder, agentId }));
    expect(reach(receiver)).toBe('ok');
    domain.tell('agent', receiver, 'stop');
    expect(reach(receiver)).toBe('agent_not_accepting');
    expect(reach(newId('ag'))).toBe('not_found');
    expect(reach('gl_x')).toBe('invalid_input');
  });
});

describe('the agents that an attempt spawns', () => {
  const spawn = (domain: Domain, taskId: string, attempt: number, spawned: Json) =>
    domain.tell('task', taskId, 'complete', { attempt, ...holder, spawned });
  const stateOf = (domain: Domain, id: string) => domain.stateOf<AgentState | undefined>('agent', id);

  it('are children of its agent, once, under ids that follow from the task', () => {
    const { domain, sender, taskId } = scene();
    const attempt = start(domain, taskId);
    const profiles = [{ name: 'Eve' }, { name: 'Cain', supervision: { policy: 'stop' } }];
    spawn(domain, taskId, attempt, profiles);
    spawn(domain, taskId, attempt, profiles);
    const ids = [0, 1].map((n) => spawnedId('default', taskId, n));
    expect([...(stateOf(domain, sender)?.children ?? [])]).toEqual(ids);
    const [eve, cain] = ids.map((id) => stateOf(domain, id));
    const upbringing = { depth: 1, supervision: { policy: 'restart', maxRestarts: 3, withinMs: 60_000 }, asOf: 1 };
    expect(eve).toMatchObject({
      status: 'active',
      upbringing,
      profile: { name: 'Eve', parentId: sender, kind: 'agent' },
    });
    expect(cain?.profile.supervision).toEqual({ policy: 'stop', maxRestarts: 3, withinMs: 60_000 });
    expect(typesOf(domain, sender).filter((type) => type === 'AgentChildWanted')).toHaveLength(2);
  });

  it.each<[string, string, Json]>([
    ['no list', 'agent_invalid', {}],
    ['without a name', 'agent_invalid', [{ kind: 'x' }]],
    ['somebody else’s child', 'agent_invalid', [{ name: 'Eve', parentId: newId('ag') }]],
    ['too many', 'agent_invalid', Array.from({ length: spawnedMax + 1 }, (_, i) => ({ name: `Eve ${i}` }))],
    ['too large', 'agents_too_large', [0, 1].map((i) => ({ name: `Eve ${i}`, systemPrompt: 'x'.repeat(80_000) }))],
  ])('fail it for good when they are %s', (_what, code, spawned) => {
    const { domain, sender, taskId, goal } = scene();
    spawn(domain, taskId, start(domain, taskId), spawned);
    expect(historyOf(domain, goal).at(-1)).toMatchObject(['GoalFailed', { error: { code } }]);
    expect(stateOf(domain, sender)?.children.size).toBe(0);
  });

  it('are kept where nobody hears a refusal: of a parent that takes no more, or of a name that is taken', () => {
    const { domain, sender, receiver } = scene();
    const by = { principal: `actor:task/${newId('gl')}.a` };
    const bear = (name: string) => {
      const profile = { ...stateOf(domain, receiver)?.profile, name, parentId: sender } as unknown as Json;
      return domain.command('agent', sender, 'bear', { childId: newId('ag'), profile }, by);
    };
    const taken = stateOf(domain, receiver)?.profile.name as string;
    domain.ask(bear(taken));
    const reserve = domain.command('name', nameId('default', 'agent', taken), 'reserve', {
      kind: 'agent',
      name: taken,
      holder: newId('ag'),
      version: 1,
      next: 'spawn',
      body: {},
    });
    expect(domain.decision(reserve)).toMatchObject({ isKept: true, problem: { code: 'agent_name_taken' } });
    domain.tell('agent', sender, 'stop');
    expect(domain.decision(bear('Eve'))).toMatchObject({ isKept: true, problem: { code: 'agent_not_accepting' } });
    expect(stateOf(domain, sender)?.children.size).toBe(0);
  });
});
