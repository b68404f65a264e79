import { describe, expect, it } from 'vitest';
import { goalWatchersMax } from '../bounds.ts';
import { Domain } from '../testing/domain.ts';
import {
  complete,
  fail,
  historyOf,
  newId,
  spawnedAgent,
  submittedGoal,
  submitting,
  typesOf,
} from '../testing/scenes.ts';
import type { GoalState } from './state.ts';

const plan = { tasks: [{ key: 'a', type: 'noop' }] };

function world() {
  const domain = new Domain();
  const agentId = spawnedAgent(domain);
  const submit = (input: object = {}): string => submittedGoal(domain, agentId, { plan, ...input });
  const status = (id: string) => domain.stateOf<GoalState>('goal', id).status;
  return { domain, agentId, submit, status };
}

describe('a goal that depends on others', () => {
  it('is blocked until the last one has completed', () => {
    const { domain, submit, status } = world();
    const [first, second] = [submit(), submit()];
    const id = submit({ dependsOn: [first, second] });
    expect(historyOf(domain, id)[1]).toEqual(['GoalBlocked', { on: [first, second] }]);
    complete(domain, `${second}.a`);
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalUnblocked', { by: second, left: [first] }]);
    expect(status(id)).toBe('blocked');
    complete(domain, `${first}.a`);
    expect(historyOf(domain, id).slice(-2)).toEqual([
      ['GoalUnblocked', { by: first, left: [] }],
      ['GoalActivated', { tasks: 1 }],
    ]);
  });

  it('is planned only then, when it came as text', () => {
    const { domain, agentId, submit, status } = world();
    const first = submit();
    const id = submittedGoal(domain, agentId, { text: 'then', dependsOn: [first] });
    domain.tell('task', `${id}._plan`, 'offer');
    expect(typesOf(domain, `${id}._plan`)).toEqual([]);
    domain.wait(1000);
    complete(domain, `${first}.a`);
    expect(status(id)).toBe('planning');
    complete(domain, `${id}._plan`, plan);
    expect(historyOf(domain, `${id}._plan`)[0]?.[1]).toMatchObject({ readyAt: domain.now });
    expect(status(id)).toBe('active');
  });

  it('waits for its approval only then', () => {
    const { domain, submit, status } = world();
    const first = submit();
    const id = submit({ dependsOn: [first], requireApproval: true });
    complete(domain, `${first}.a`);
    expect(status(id)).toBe('awaiting_approval');
  });

  it.each([
    ['failed', (domain: Domain, id: string) => fail(domain, `${id}.a`)],
    ['was cancelled', (domain: Domain, id: string) => domain.tell('goal', id, 'cancel')],
  ])('is cancelled when one %s, naming it', (_how, end) => {
    const { domain, submit } = world();
    const first = submit();
    const id = submit({ dependsOn: [first] });
    const last = submit({ dependsOn: [id] });
    end(domain, first);
    expect(historyOf(domain, id).at(-1)).toEqual(['GoalCancelled', { code: 'dependency_failed', culprit: first }]);
    expect(historyOf(domain, last).at(-1)).toEqual(['GoalCancelled', { code: 'dependency_failed', culprit: id }]);
  });

  it('is told of those that had ended before, and nothing of it can get lost: the one asked has noted it (I4)', () => {
    const { domain, submit, status } = world();
    const [well, badly] = [submit(), submit()];
    complete(domain, `${well}.a`);
    fail(domain, `${badly}.a`);
    const id = submit({ dependsOn: [well] });
    expect(status(id)).toBe('active');
    expect(historyOf(domain, well).at(-1)).toEqual(['GoalWatched', { by: id }]);
    expect(status(submit({ dependsOn: [badly] }))).toBe('cancelled');
  });

  it('fails when one does not exist', () => {
    const { domain, submit } = world();
    const unknown = newId('gl');
    const id = submit({ dependsOn: [unknown] });
    expect(historyOf(domain, id).at(-1)).toEqual([
      'GoalFailed',
      {
        error: { code: 'dependency_unknown', message: `expected an existing goal, found no ${unknown}` },
        culprit: unknown,
      },
    ]);
  });

  it('cannot wait for itself', () => {
    const { domain, agentId } = world();
    const key = { idempotencyKey: 'k' };
    const own = submitting(domain, { agentId, plan }, key).to.id;
    domain.ask(submitting(domain, { agentId, plan, dependsOn: [own] }, key));
    expect(historyOf(domain, own).at(-1)).toMatchObject(['GoalFailed', { error: { code: 'dependency_unknown' } }]);
  });

  it('fails when too many wait for one already, however that one ends', () => {
    const { domain, submit, status } = world();
    const first = submit();
    const to = { org: 'default', type: 'goal', id: first };
    for (let i = 0; i < goalWatchersMax; i++) domain.local(to, 'watch', { by: newId('gl') });
    const id = submit({ dependsOn: [first] });
    expect(historyOf(domain, id).at(-1)).toMatchObject(['GoalFailed', { error: { code: 'dependency_crowded' } }]);
    expect(domain.stateOf<GoalState>('goal', first).watchers).toHaveLength(goalWatchersMax);
    expect(status(first)).toBe('active');
  });

  it('does not mind what it hears of goals it does not wait for, or a second time', () => {
    const { domain, submit, status } = world();
    const first = submit();
    const id = submit({ dependsOn: [first] });
    const before = domain.events.length;
    domain.tell('goal', id, 'dependency', { goalId: newId('gl'), status: 'failed' });
    domain.tell('goal', id, 'dependency', { goalId: null, status: 'failed' });
    domain.tell('goal', first, 'watch', { by: id });
    expect(domain.events.length).toBe(before);
    complete(domain, `${first}.a`);
    domain.tell('goal', id, 'dependency', { goalId: first, status: 'failed' });
    expect(status(id)).toBe('active');
  });

  it('is cancelled at its deadline while it is blocked', () => {
    const { domain, submit, status } = world();
    const id = submit({ dependsOn: [submit()], deadline: new Date(domain.now / 1000 + 60_000).toISOString() });
    domain.wait(60_000);
    domain.ring();
    expect(status(id)).toBe('cancelled');
  });
});
