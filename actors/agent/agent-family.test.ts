import { describe, expect, it } from 'vitest';
import type { Json } from '../../kernel/envelope.ts';
import { agentDepthMax, childrenMax, formerProfilesMax } from '../bounds.ts';
import { Domain } from '../testing/domain.ts';
import {
  codeOf,
  contextAt,
  historyOf,
  newId,
  spawnedAgent,
  spawning,
  submittedGoal,
  typesOf,
} from '../testing/scenes.ts';
import type { AgentEvent } from './events.ts';
import { supervisionOf } from './family.ts';
import { patchAgent } from './requests.ts';
import type { AgentState } from './state.ts';

const plan = { tasks: [{ key: 'a', type: 'noop' }] };
const at = (id: string) => ({ org: 'default', type: 'agent', id });
const stateOf = (domain: Domain, id: string): AgentState => domain.stateOf<AgentState>('agent', id);
const statusOf = (domain: Domain, id: string): string => stateOf(domain, id).status;
const patch = (domain: Domain, id: string, change: object) =>
  domain.ask(patchAgent(id, change as never, contextAt(domain, 'patch')));
const backoff = { policy: 'backoff', maxRestarts: 1, withinMs: 5000 } as const;

/** A parent with a child that has a child of its own. */
function family(domain: Domain, supervision: object = {}) {
  const parent = spawnedAgent(domain, { supervision });
  const child = spawnedAgent(domain, { parentId: parent });
  const grandchild = spawnedAgent(domain, { parentId: child });
  return { parent, child, grandchild };
}

describe('a child', () => {
  it('is spawned by a parent that exists and is active or paused, and by no other', () => {
    const domain = new Domain();
    const parentId = newId('ag');
    expect(codeOf(domain.ask(spawning(domain, { name: 'a', parentId })))).toBe('parent_unknown');
    expect(codeOf(domain.ask(spawning(domain, { name: 'a', parentId }, { idempotencyKey: 'k' })))).toBe(
      'parent_unknown',
    );
    const { parent, child } = family(domain);
    domain.tell('agent', parent, 'pause');
    expect(codeOf(domain.ask(spawning(domain, { name: 'b', parentId: parent })))).toBe('ok');
    domain.tell('agent', child, 'stop');
    expect(codeOf(domain.ask(spawning(domain, { name: 'c', parentId: child })))).toBe('agent_not_accepting');
    expect([...stateOf(domain, parent).children]).toHaveLength(1);
  });

  it('is the same one under the same key, and counted once', () => {
    const domain = new Domain();
    const { parent } = family(domain);
    const ask = () => domain.ask(spawning(domain, { name: 'twin', parentId: parent }, { idempotencyKey: 'k' }));
    const [first, second] = [ask(), ask()];
    expect(second).toMatchObject({ ok: true, id: (first as { id: string }).id });
    expect(typesOf(domain, parent).filter((type) => type === 'AgentChildSpawned')).toHaveLength(2);
  });

  it('is not made where its name is taken, and its parent knows nothing of it', () => {
    const domain = new Domain();
    const parent = spawnedAgent(domain, { name: 'Ada' });
    expect(codeOf(domain.ask(spawning(domain, { name: 'ada', parentId: parent })))).toBe('agent_name_taken');
    expect(typesOf(domain, parent)).toEqual(['AgentSpawned']);
  });

  it('is one of at most so many, and of so many generations', () => {
    const domain = new Domain();
    const parent = spawnedAgent(domain);
    for (let i = 0; i < childrenMax; i++) spawnedAgent(domain, { parentId: parent });
    expect(codeOf(domain.ask(spawning(domain, { name: 'one more', parentId: parent })))).toBe('children_cap');
    let last = parent;
    domain.tell('agent', [...stateOf(domain, parent).children][0] as string, 'stop');
    for (let i = 0; i < agentDepthMax; i++) last = spawnedAgent(domain, { parentId: last });
    expect(codeOf(domain.ask(spawning(domain, { name: 'too deep', parentId: last })))).toBe('family_too_deep');
    domain.tell('agent', parent, 'stop');
    expect(
      [...domain.actors()].filter(
        ({ address, state }) => address.type === 'agent' && (state as AgentState).status !== 'stopped',
      ),
    ).toEqual([]);
  });

  it.each(['pause', 'fail'])('goes on when its parent is told to %s', (verb) => {
    const domain = new Domain();
    const { parent, child } = family(domain);
    domain.tell('agent', parent, verb);
    expect(statusOf(domain, child)).toBe('active');
  });

  it('stops with its parent, and its goals with it', () => {
    const domain = new Domain();
    const { parent, child, grandchild } = family(domain);
    const goal = submittedGoal(domain, grandchild, { plan });
    domain.tell('agent', parent, 'stop');
    expect([child, grandchild].map((id) => statusOf(domain, id))).toEqual(['stopped', 'stopped']);
    expect(historyOf(domain, child)).toContainEqual(['AgentStopped', { reason: 'parent_stopped' }]);
    expect(domain.stateOf<{ status: string }>('goal', goal).status).toBe('cancelled');
    expect([...stateOf(domain, parent).children, ...stateOf(domain, child).children]).toEqual([]);
  });

  it('drains with its parent: it finishes what it has, though its parent is through before', () => {
    const domain = new Domain();
    const { parent, child, grandchild } = family(domain);
    submittedGoal(domain, child, { plan });
    domain.tell('agent', parent, 'drain');
    expect([parent, child, grandchild].map((id) => statusOf(domain, id))).toEqual(['stopped', 'draining', 'stopped']);
  });

  it('that stops is forgotten by its parent', () => {
    const domain = new Domain();
    const { parent, child } = family(domain);
    domain.tell('agent', child, 'stop');
    expect([...stateOf(domain, parent).children]).toEqual([]);
    expect(typesOf(domain, parent)).toEqual(['AgentSpawned', 'AgentChildSpawned', 'AgentChildStopped']);
  });

  it('whose end is told before its birth, which was parked, is no child afterwards', () => {
    const domain = new Domain();
    const parent = spawnedAgent(domain);
    const childId = newId('ag');
    for (const verb of ['gone', 'gone', 'born']) domain.tell('agent', parent, verb, { childId });
    expect(typesOf(domain, parent)).toEqual(['AgentSpawned', 'AgentChildStopped', 'AgentChildSpawned']);
    expect([...stateOf(domain, parent).children, ...stateOf(domain, parent).goneBefore]).toEqual([]);
  });

  it.each<[string, string, string]>([
    ['stop', 'stopped', 'parent_stopped'],
    ['drain', 'stopped', 'drained'],
  ])('that was on its way when its parent was told to %s is told so too', (verb, status, reason) => {
    const domain = new Domain();
    const parent = spawnedAgent(domain);
    const busy = submittedGoal(domain, parent, { plan });
    domain.post(spawning(domain, { name: 'late', parentId: parent }));
    // The parent has let it through, and it is not born yet.
    domain.step((count) => count - 1);
    domain.deliver(domain.command('agent', parent, verb));
    domain.settle();
    const [late = ''] = [...domain.actors()].flatMap(({ address: { type, id } }) =>
      type === 'agent' && stateOf(domain, id).profile.name === 'late' ? [id] : [],
    );
    expect(statusOf(domain, late)).toBe(status);
    expect(historyOf(domain, late).at(-1)).toEqual(['AgentStopped', { reason }]);
    expect(domain.stateOf('goal', busy)).toBeDefined();
  });

  it('is the fold of its events, with its family (I5)', () => {
    const domain = new Domain();
    const { parent, child } = family(domain, backoff);
    patch(domain, parent, { supervision: { policy: 'stop' } });
    domain.tell('agent', child, 'stop');
    for (const kept of [() => false, () => true]) {
      const again = domain.replayed(kept);
      for (const id of [parent, child]) expect(stateOf(again, id)).toEqual(stateOf(domain, id));
    }
  });
});

describe('the supervision of a child', () => {
  it('is its parent’s policy, with its parent as the one who fails with it', () => {
    const domain = new Domain();
    const { parent, child, grandchild } = family(domain, backoff);
    const treated = { policy: 'backoff', restarts: 1, windowMs: 5000, parent: at(parent) };
    expect(supervisionOf(stateOf(domain, child), at(child))).toEqual(treated);
    const usual = { policy: 'restart', restarts: 3, windowMs: 60_000 };
    expect(supervisionOf(stateOf(domain, grandchild), at(grandchild))).toEqual({ ...usual, parent: at(child) });
    expect(supervisionOf(stateOf(domain, parent), at(parent))).toEqual(usual);
    expect(supervisionOf(undefined, at(parent))).toEqual(usual);
  });

  it('changes when its parent’s does, and only then', () => {
    const domain = new Domain();
    const { parent, child } = family(domain, backoff);
    patch(domain, parent, { supervision: { policy: 'escalate', maxRestarts: 0, withinMs: 1000 } });
    expect(supervisionOf(stateOf(domain, child), at(child))).toMatchObject({ policy: 'escalate', restarts: 0 });
    patch(domain, parent, { priority: 1 });
    expect(typesOf(domain, child).filter((type) => type === 'AgentSupervised')).toHaveLength(1);
    // What was parked before comes late.
    domain.tell('agent', child, 'supervise', { supervision: backoff, asOf: 1 });
    expect(supervisionOf(stateOf(domain, child), at(child))).toMatchObject({ policy: 'escalate', restarts: 0 });
  });

  it('is the present one of its parent, also when that changed while it was on its way', () => {
    const domain = new Domain();
    const parent = spawnedAgent(domain);
    domain.post(spawning(domain, { name: 'late', parentId: parent }));
    domain.step((count) => count - 1);
    domain.deliver(patchAgent(parent, { supervision: backoff }, contextAt(domain, 'patch')));
    domain.settle();
    const [childId = ''] = stateOf(domain, parent).children;
    expect(supervisionOf(stateOf(domain, childId), at(childId))).toMatchObject({ policy: 'backoff', restarts: 1 });
  });
});

describe('the profile of an agent', () => {
  const profileOf = (domain: Domain, id: string, version: number) =>
    domain.ask(domain.command('agent', id, 'profile', { version })) as {
      readonly data?: { readonly profile: { readonly [key: string]: Json } };
    };

  it('can be told as of each of its last versions', () => {
    const domain = new Domain();
    const id = spawnedAgent(domain, { name: 'Ada', systemPrompt: 'first' });
    patch(domain, id, { systemPrompt: 'second', priority: 1 });
    patch(domain, id, { systemPrompt: 'third', tags: ['x'] });
    const seen = [1, 2, 3].map((version) => profileOf(domain, id, version).data?.profile);
    expect(seen).toMatchObject([
      { systemPrompt: 'first', priority: 5, tags: [] },
      { systemPrompt: 'second', priority: 1, tags: [] },
      { systemPrompt: 'third', priority: 1, tags: ['x'] },
    ]);
    expect(codeOf(profileOf(domain, id, 4) as never)).toBe('profile_gone');
    expect(historyOf(domain, id).map(([type]) => type as AgentEvent['type'])).toHaveLength(3);
  });

  it('is gone once it has changed too often since', () => {
    const domain = new Domain();
    const id = spawnedAgent(domain);
    for (let i = 0; i <= formerProfilesMax; i++) patch(domain, id, { systemPrompt: `${i}` });
    expect(codeOf(profileOf(domain, id, 1) as never)).toBe('profile_gone');
    expect(codeOf(profileOf(domain, id, 2) as never)).toBe('ok');
  });
});
