import { describe, expect, it } from 'vitest';
import { micros } from '../kernel/brand.ts';
import { AstraError } from '../kernel/errors.ts';
import { isId } from '../kernel/ids.ts';
import { agentInput, messageInput } from './agent/input.ts';
import { commandAgent, messageAgent, patchAgent, spawnAgent } from './agent/requests.ts';
import { discardDeadLetter, redriveDeadLetter } from './dead-letter/requests.ts';
import { goalInput } from './goal/input.ts';
import { commandGoal, submitGoal } from './goal/requests.ts';
import { readInput } from './input.ts';
import { nameId } from './name/behavior.ts';
import type { RequestContext } from './request.ts';
import { cancelTask, redriveTask, signalTask } from './task/requests.ts';
import { newId } from './testing/scenes.ts';
import { drainWorker } from './worker/requests.ts';

const context = (more: Partial<RequestContext> = {}): RequestContext => ({
  org: 'default',
  principal: 'key:ak_1',
  route: 'POST /v1/goals',
  now: micros(1_800_000_000_000_000),
  newId: (prefix) => `${prefix}_new`,
  ...more,
});
const agentId = 'ag_0123456789abcdefghjkmnpqrs';
const goal = (more: object = {}) =>
  readInput(goalInput, { agentId, plan: { tasks: [{ key: 'a', type: 'noop' }] }, ...more });
const ada = readInput(agentInput, { name: 'Ada' });

describe('a creation', () => {
  it('without a key goes to whom it may be admitted by, under a new id', () => {
    expect(submitGoal(goal(), context())).toMatchObject({
      to: { org: 'default', type: 'agent', id: agentId },
      verb: 'admit',
      id: 'create:gl_new',
      correlationId: 'gl_new',
      body: { goalId: 'gl_new', goal: { agentId, priority: 5, dependsOn: [], requireApproval: false, labels: {} } },
      principal: 'key:ak_1',
      hops: 0,
    });
    const spawn = spawnAgent(ada, context());
    expect(spawn).toMatchObject({
      to: { org: 'default', type: 'name', id: nameId('default', 'agent', 'Ada') },
      verb: 'reserve',
      id: 'create:ag_new',
      body: { kind: 'agent', name: 'Ada', holder: 'ag_new', version: 1, next: 'spawn', body: { profile: ada } },
    });
    expect(spawn).not.toHaveProperty('keyed');
    expect(spawn).not.toHaveProperty('fingerprint');
  });

  it('with a key goes to what it creates, whose id follows from org, route and key alone', () => {
    const envelope = submitGoal(goal(), context({ idempotencyKey: 'k-1' }));
    expect(envelope).toMatchObject({
      to: { type: 'goal', id: 'gl_3c16mxxpprghsaz7jc32xh3ej0' },
      verb: 'create',
      id: 'create:gl_3c16mxxpprghsaz7jc32xh3ej0',
      keyed: 'create',
      fingerprint: '83f3cd98c6f5c797d0a46a29790cc7c49b150d5cc973613ce47206c132af34bd',
    });
    const again = submitGoal(goal({ priority: 1 }), context({ idempotencyKey: 'k-1' }));
    expect(again.to.id).toBe(envelope.to.id);
    expect(again.fingerprint).not.toBe(envelope.fingerprint);
    for (const other of [{ org: 'other' }, { route: 'goal.submit' }, { idempotencyKey: 'k-2' }])
      expect(submitGoal(goal(), context({ idempotencyKey: 'k-1', ...other })).to.id).not.toBe(envelope.to.id);
    expect(isId('gl', envelope.to.id)).toBe(true);
    const spawn = spawnAgent(ada, context({ route: 'POST /v1/agents', idempotencyKey: 'k-1' }));
    expect(spawn).toMatchObject({
      to: { type: 'agent', id: 'ag_6cv9g9cjwbhwbb3m7t0wxfgdjf' },
      verb: 'create',
      body: { profile: ada },
    });
  });

  it('under a key that was made for it, seen for the first time, skips who cannot exist', () => {
    const envelope = submitGoal(goal(), context({ idempotencyKey: 'in:1:7', firstSeen: true }));
    expect(envelope).toMatchObject({ to: { type: 'agent' }, verb: 'admit', keyed: 'create' });
    expect(envelope.correlationId).toBe(submitGoal(goal(), context({ idempotencyKey: 'in:1:7' })).to.id);
  });

  it('says whose data it is, and its trace', () => {
    const envelope = submitGoal(goal({ subject: 'ada', text: 'wish' }), context({ traceparent: '00-1-2-01' }));
    expect(envelope).toMatchObject({
      subject: 'ada',
      traceparent: '00-1-2-01',
      body: { goal: { subject: 'ada', text: 'wish' } },
    });
    expect(spawnAgent({ ...ada, subject: 'ada' }, context())).toMatchObject({ subject: 'ada' });
    expect(spawnAgent(ada, context())).not.toHaveProperty('subject');
  });

  it('of a goal carries its plan with all defaults', () => {
    expect(submitGoal(goal({ priority: 3 }), context()).body).toMatchObject({
      goal: { plan: { tasks: [{ key: 'a', priority: 3, pool: 'default', onFailure: 'fail_goal' }] } },
    });
  });

  it.each([
    [{ plan: { tasks: [{ key: 'a', type: 'noop', dependsOn: ['a'] }] } }, 'plan_invalid', '/plan/tasks'],
    [{ deadline: '2027-01-15T07:59:59.999Z' }, 'invalid_input', '/deadline'],
    [{ deadline: '2027-01-15T08:00:00Z' }, 'invalid_input', '/deadline'],
    [{ deadline: '2028-01-16T08:00:00Z' }, 'invalid_input', '/deadline'],
  ])('of a goal with %j is refused: %s', (more, code, pointer) => {
    const submit = () => submitGoal(goal(more), context());
    expect(submit).toThrow(AstraError);
    expect(submit).toThrow(expect.objectContaining({ code, errors: [expect.objectContaining({ pointer })] }));
  });
});

describe('a command', () => {
  const ids = { ag: newId('ag'), gl: newId('gl'), wk: newId('wk'), dl: newId('dl') };
  const all = {
    patch: (c: RequestContext) => patchAgent(ids.ag, { priority: 1 }, c),
    pause: (c: RequestContext) => commandAgent(ids.ag, 'pause', { reason: 'r' }, c),
    message: (c: RequestContext) => messageAgent(ids.ag, readInput(messageInput, { type: 'note' }), c),
    approve: (c: RequestContext) => commandGoal(ids.gl, 'approve', {}, c),
    cancel: (c: RequestContext) => cancelTask(`${ids.gl}.a`, { reason: 'r' }, c),
    redriveTask: (c: RequestContext) => redriveTask(`${ids.gl}.a`, c),
    signal: (c: RequestContext) => signalTask(`${ids.gl}.a`, { name: 'stop', payload: 1 }, c),
    drain: (c: RequestContext) => drainWorker(ids.wk, {}, c),
    redrive: (c: RequestContext) => redriveDeadLetter(ids.dl, c),
    discard: (c: RequestContext) => discardDeadLetter(ids.dl, { reason: 'r' }, c),
  };

  it('names its actor, its verb and what it says', () => {
    const sent = Object.values(all).map((of) => {
      const { to, verb, body } = of(context());
      return [to.type, to.id, verb, body];
    });
    expect(sent).toEqual([
      ['agent', ids.ag, 'patch', { priority: 1 }],
      ['agent', ids.ag, 'pause', { reason: 'r' }],
      ['agent', ids.ag, 'message', { type: 'note', payload: null, from: 'key:ak_1' }],
      ['goal', ids.gl, 'approve', {}],
      ['task', `${ids.gl}.a`, 'cancel', { reason: 'r' }],
      ['task', `${ids.gl}.a`, 'redrive', {}],
      ['task', `${ids.gl}.a`, 'signal', { name: 'stop', payload: 1 }],
      ['worker', ids.wk, 'drain', {}],
      ['dead-letter', ids.dl, 'redrive', {}],
      ['dead-letter', ids.dl, 'discard', { reason: 'r' }],
    ]);
  });

  it.each(Object.keys(all) as (keyof typeof all)[])('%s is remembered under its key, and only then', (name) => {
    const of = all[name];
    expect(of(context())).toMatchObject({ id: 'cm_new', principal: 'key:ak_1' });
    expect(of(context())).not.toHaveProperty('keyed');
    const keyed = of(context({ idempotencyKey: 'k-1', route: 'r' }));
    expect(keyed).toMatchObject({ keyed: 'command', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(of(context({ idempotencyKey: 'k-1', route: 'r' }))).toEqual(keyed);
    for (const other of [{ org: 'other' }, { route: 's' }, { idempotencyKey: 'k-2' }])
      expect(of(context({ idempotencyKey: 'k-1', route: 'r', ...other })).id).not.toBe(keyed.id);
  });

  it('has an id that follows from org, route and key for ever', () => {
    const { id, fingerprint } = redriveTask(
      'gl_0123456789abcdefghjkmnpqrs.a',
      context({ route: 'r', idempotencyKey: 'k' }),
    );
    expect([id, fingerprint]).toEqual([
      'cm_6n35fw98zggmm9vx8fbb5qt39c',
      'e031a20a7b87b652a2cd35a97e7b02821835dd6b7ef2321aa917d55e33385dce',
    ]);
  });

  it('is another request for another target or other words', () => {
    const key = context({ route: 'r', idempotencyKey: 'k' });
    const prints = [
      commandGoal(ids.gl, 'pause', {}, key),
      commandGoal(ids.gl, 'resume', {}, key),
      commandGoal(ids.gl, 'pause', { reason: 'x' }, key),
      commandGoal(newId('gl'), 'pause', {}, key),
    ].map(({ fingerprint }) => fingerprint);
    expect(new Set(prints).size).toBe(4);
  });

  it('into a mailbox says whose data it brings', () => {
    const input = readInput(messageInput, { type: 'note', payload: { a: 1 }, subject: 'ada' });
    expect(messageAgent(ids.ag, input, context())).toMatchObject({
      subject: 'ada',
      body: { type: 'note', payload: { a: 1 } },
    });
  });
});
