import { describe, expect, it } from 'vitest';
import { plusMs } from '../../kernel/brand.ts';
import type { Reply } from '../../kernel/envelope.ts';
import type { AgentState } from '../agent/state.ts';
import { approvalMs, goalDeadlineDefaultMs } from '../bounds.ts';
import { Domain } from '../testing/domain.ts';
import { codeOf, complete, historyOf, idOf, spawnedAgent, submitting, typesOf } from '../testing/scenes.ts';
import type { GoalState } from './state.ts';

const plan = {
  tasks: [
    { key: 'a', type: 'noop' },
    { key: 'b', type: 'noop', dependsOn: ['a'] },
  ],
};

function world() {
  const domain = new Domain();
  const agentId = spawnedAgent(domain);
  const submit = (input: object, idempotencyKey?: string): Reply =>
    domain.ask(submitting(domain, { agentId, ...input }, idempotencyKey === undefined ? {} : { idempotencyKey }));
  return { domain, agentId, submit };
}

describe('a goal that is submitted', () => {
  it('under a key is answered as before when its deadline has passed meanwhile (I3); another one is refused', () => {
    const { domain, submit } = world();
    const deadline = new Date(domain.now / 1000 + 1000).toISOString();
    const reply = submit({ plan, deadline }, 'k1');
    domain.wait(2000);
    expect(submit({ plan, deadline }, 'k1')).toMatchObject({ ok: true, id: idOf(reply), replayed: true });
    expect(codeOf(submit({ plan, deadline }, 'k2'))).toBe('invalid_input');
    expect(() => submit({ plan, deadline })).toThrow('still to come');
  });

  it('with a plan is active: its tasks exist, and those that wait for nothing are ready', () => {
    const { domain, agentId, submit } = world();
    const reply = submit({ plan, text: 'why', labels: { team: 'red' }, priority: 2 });
    const id = idOf(reply);
    expect(reply).toMatchObject({ data: { id, status: 'active', taskIds: [`${id}.a`, `${id}.b`] } });
    expect(historyOf(domain, id)).toEqual([
      [
        'GoalSubmitted',
        {
          agentId,
          text: 'why',
          plan: expect.objectContaining({
            tasks: [expect.objectContaining({ key: 'a', priority: 2 }), expect.anything()],
          }),
          priority: 2,
          dependsOn: [],
          deadline: plusMs(domain.now, goalDeadlineDefaultMs),
          requireApproval: false,
          labels: { team: 'red' },
          agent: { profileVersion: 1, allowedTools: [] },
        },
      ],
      ['GoalActivated', { tasks: 2 }],
    ]);
    const { graph } = domain.stateOf<GoalState>('goal', id);
    expect([...(graph?.nodes ?? [])].map(([key, { status, readyAt }]) => [key, status, readyAt])).toEqual([
      ['a', 'pending', domain.now],
      ['b', 'created', 0],
    ]);
  });

  it('with text alone is planned by a task of its own, that is not counted', () => {
    const { domain, agentId, submit } = world();
    const reply = submit({ text: 'do it', priority: 1 });
    const id = idOf(reply);
    expect(reply).toMatchObject({ data: { status: 'planning', taskIds: [] } });
    expect(domain.stateOf<GoalState>('goal', id).planning?.task).toMatchObject({
      key: '_plan',
      type: 'plan',
      priority: 1,
      input: { text: 'do it', agentId },
    });
    complete(domain, `${id}._plan`, { tasks: [{ key: 'a', type: 'noop' }] });
    expect(domain.stateOf<GoalState>('goal', id).graph?.counts).toMatchObject({ pending: 1, completed: 0 });
  });

  it('with requireApproval waits for it, for a day', () => {
    const { domain, submit } = world();
    const reply = submit({ plan, requireApproval: true });
    expect(reply).toMatchObject({ data: { status: 'awaiting_approval' } });
    expect(historyOf(domain, idOf(reply)).at(-1)).toEqual([
      'GoalApprovalRequested',
      { expiresAt: plusMs(domain.now, approvalMs) },
    ]);
  });

  it('keeps the deadline it is given, as microseconds', () => {
    const { domain, submit } = world();
    const at = plusMs(domain.now, 60_000);
    const id = idOf(submit({ plan, deadline: new Date(at / 1000).toISOString() }));
    expect(domain.stateOf<GoalState>('goal', id).deadline).toBe(at);
  });
});

describe('a goal that is submitted again', () => {
  it('under the same key is the same one, with its first answer, even when it has long ended', () => {
    const { domain, submit } = world();
    const first = submit({ plan }, 'k');
    const id = idOf(first);
    complete(domain, `${id}.a`);
    complete(domain, `${id}.b`);
    expect(domain.stateOf<GoalState>('goal', id).status).toBe('completed');
    const events = domain.events.length;
    expect(submit({ plan }, 'k')).toMatchObject({
      ok: true,
      id,
      replayed: true,
      data: (first as { data: object }).data,
    });
    expect(domain.events.length).toBe(events);
  });

  it('with another request under its key is refused', () => {
    const { domain, submit } = world();
    submit({ plan }, 'k');
    const events = domain.events.length;
    expect(codeOf(submit({ plan, priority: 1 }, 'k'))).toBe('idempotency_key_reused');
    expect(domain.events.length).toBe(events);
  });

  /** A repeat that found no goal, and reaches the agent when the first one has made it. */
  const late = (domain: Domain, agentId: string, input: object = { plan }): Reply => {
    const asked = submitting(domain, { agentId, ...input }, { idempotencyKey: 'k' });
    return domain.ask({ ...asked, to: { org: 'default', type: 'agent', id: agentId }, verb: 'admit' });
  };

  it('while it is open is admitted once', () => {
    const { domain, agentId, submit } = world();
    const id = idOf(submit({ plan }, 'k'));
    expect(late(domain, agentId)).toMatchObject({ ok: true, id, replayed: true });
    expect(typesOf(domain, agentId).filter((type) => type === 'AgentGoalAdmitted')).toHaveLength(1);
  });

  it('when it has ended is admitted in vain: its agent is told to count it no more (I8)', () => {
    const { domain, agentId, submit } = world();
    const id = idOf(submit({ plan }, 'k'));
    domain.tell('goal', id, 'cancel');
    expect(late(domain, agentId)).toMatchObject({ ok: true, id, data: { id, status: 'active' } });
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalAdmissionDeclined', { agentId }]);
    expect(historyOf(domain, agentId).slice(-2)).toEqual([
      ['AgentGoalAdmitted', { goalId: id, run: 1 }],
      ['AgentGoalSettled', { goalId: id, run: 1, status: 'declined' }],
    ]);
  });

  it('by another agent is refused, and that one does not count it', () => {
    const { domain, submit } = world();
    const other = spawnedAgent(domain);
    const id = idOf(submit({ plan }, 'k'));
    expect(codeOf(late(domain, other))).toBe('idempotency_key_reused');
    expect(domain.stateOf<AgentState>('agent', other).open.size).toBe(0);
    expect(domain.stateOf<GoalState>('goal', id).status).toBe('active');
  });

  it('by another agent that is stopped meanwhile is not cancelled with that one', () => {
    const { domain, submit } = world();
    const other = spawnedAgent(domain);
    const id = idOf(submit({ plan }, 'k'));
    domain.tell('goal', id, 'cancel', { code: 'agent_stopped', agentId: other });
    expect(domain.stateOf<GoalState>('goal', id).status).toBe('active');
  });
});
