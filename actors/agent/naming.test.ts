import { describe, expect, it } from 'vitest';
import type { Reply } from '../../kernel/envelope.ts';
import { type NameState, nameId } from '../name/behavior.ts';
import { Domain } from '../testing/domain.ts';
import { codeOf, contextAt, historyOf, idOf, spawnedAgent, spawning, typesOf } from '../testing/scenes.ts';
import { patchAgent } from './requests.ts';
import type { AgentState } from './state.ts';

function world() {
  const domain = new Domain();
  const holderOf = (name: string): string | undefined =>
    domain.stateOf<NameState | undefined>('name', nameId('default', 'agent', name))?.holder;
  const spawn = (name: string, idempotencyKey?: string): Reply =>
    domain.ask(spawning(domain, { name }, idempotencyKey === undefined ? {} : { idempotencyKey }));
  const patching = (id: string, change: object, idempotencyKey?: string) =>
    patchAgent(id, change, contextAt(domain, `PATCH ${id}`, idempotencyKey === undefined ? {} : { idempotencyKey }));
  const patch = (id: string, change: object, key?: string): Reply => domain.ask(patching(id, change, key));
  const profile = (id: string) => domain.stateOf<AgentState>('agent', id).profile;
  return { domain, holderOf, spawn, patching, patch, profile };
}

describe('a name', () => {
  it('is reserved before its agent exists, and taken by it', () => {
    const { domain, holderOf, spawn } = world();
    const id = idOf(spawn('Ada'));
    expect(holderOf('ADA')).toBe(id);
    expect(typesOf(domain, nameId('default', 'agent', 'ada'))).toEqual(['NameReserved', 'NameTaken']);
  });

  it('is one agent’s, however many ask', () => {
    const { domain, spawn } = world();
    expect([spawn('Ada'), spawn('ada'), spawn(' ADA ')].map(codeOf)).toEqual([
      'ok',
      'agent_name_taken',
      'agent_name_taken',
    ]);
    expect(domain.events.filter(({ type }) => type === 'AgentSpawned')).toHaveLength(1);
  });

  it('is free again when its agent has stopped or drained', () => {
    for (const verb of ['stop', 'drain']) {
      const { domain, holderOf, spawn } = world();
      domain.tell('agent', idOf(spawn('Ada')), verb);
      expect(holderOf('Ada')).toBeUndefined();
      expect(codeOf(spawn('Ada'))).toBe('ok');
    }
  });

  it('changes with its agent: the new one is reserved first, the old one released behind', () => {
    const { domain, holderOf, spawn, patch, profile } = world();
    const id = idOf(spawn('Ada'));
    expect(patch(id, { name: 'Bob', priority: 1 })).toMatchObject({ ok: true, id });
    expect(profile(id)).toMatchObject({ name: 'Bob', priority: 1 });
    expect([holderOf('Ada'), holderOf('Bob')]).toEqual([undefined, id]);
    expect(historyOf(domain, nameId('default', 'agent', 'Ada')).at(-1)).toEqual([
      'NameReleased',
      { holder: id, reason: 'renamed' },
    ]);
  });

  it('that is taken leaves its agent as it was', () => {
    const { spawn, patch, profile } = world();
    const id = idOf(spawn('Ada'));
    spawn('Bob');
    expect(codeOf(patch(id, { name: 'bob', priority: 1 }))).toBe('agent_name_taken');
    expect(profile(id)).toMatchObject({ name: 'Ada', priority: 5 });
  });

  it('in other letters is the same reservation', () => {
    const { domain, holderOf, spawn, patch, profile } = world();
    const id = idOf(spawn('Ada'));
    expect(codeOf(patch(id, { name: 'ADA' }))).toBe('ok');
    expect(profile(id).name).toBe('ADA');
    expect(holderOf('ada')).toBe(id);
    const before = domain.events.length;
    expect(codeOf(patch(id, { name: 'ADA' }))).toBe('ok');
    expect(domain.events.length).toBe(before);
  });

  it('can be left and taken again', () => {
    const { holderOf, spawn, patch } = world();
    const id = idOf(spawn('Ada'));
    for (const name of ['Bob', 'Ada', 'Cyd', 'Ada']) {
      expect(codeOf(patch(id, { name }))).toBe('ok');
      expect(holderOf(name)).toBe(id);
    }
    expect([holderOf('Bob'), holderOf('Cyd')]).toEqual([undefined, undefined]);
  });

  it('that was reserved for an agent which has stopped meanwhile comes back', () => {
    const { domain, holderOf, spawn, patching } = world();
    const id = idOf(spawn('Ada'));
    const renamed = domain.post(patching(id, { name: 'Bob' }));
    domain.step();
    domain.post(domain.command('agent', id, 'stop'));
    domain.step((count) => count - 1);
    domain.settle();
    expect(codeOf(domain.replies.get(renamed) as Reply)).toBe('invalid_transition');
    expect([holderOf('Ada'), holderOf('Bob')]).toEqual([undefined, undefined]);
  });

  it('that was asked for before another one was taken is refused, and comes back', () => {
    const { domain, holderOf, spawn, patching, patch } = world();
    const id = idOf(spawn('Ada'));
    // Decided by the agent, and on its way to the name.
    const late = domain.post(patching(id, { name: 'Bob' }));
    domain.step();
    const held = domain.take();
    patch(id, { name: 'Cyd' });
    domain.give(held);
    domain.settle();
    expect(codeOf(domain.replies.get(late) as Reply)).toBe('invalid_transition');
    expect([holderOf('Ada'), holderOf('Bob'), holderOf('Cyd')]).toEqual([undefined, undefined, id]);
  });

  it('that was reserved under a key used for another agent comes back', () => {
    const { domain, holderOf, spawn } = world();
    const second = domain.post(spawning(domain, { name: 'Bob' }, { idempotencyKey: 'k' }));
    domain.step();
    const held = domain.take();
    const id = idOf(spawn('Ada', 'k'));
    domain.give(held);
    domain.settle();
    expect(codeOf(domain.replies.get(second) as Reply)).toBe('idempotency_key_reused');
    expect([holderOf('Ada'), holderOf('Bob')]).toEqual([id, undefined]);
    expect(historyOf(domain, id).at(-1)).toEqual(['AgentNameDeclined', { name: 'Bob', version: 1 }]);
  });

  it('that was reserved for an agent which never came to be comes back', () => {
    const { domain, holderOf } = world();
    const id = spawnedAgent(domain).replace(/.$/, '0');
    const reservation = { kind: 'agent', name: 'Ada', holder: id, version: 1, next: 'spawn', body: { profile: null } };
    expect(codeOf(domain.tell('name', nameId('default', 'agent', 'Ada'), 'reserve', reservation))).toBe(
      'invalid_input',
    );
    expect(holderOf('Ada')).toBeUndefined();
  });
});

describe('an agent that is spawned or changed under a key', () => {
  it('is one for ever, and answers as it did first (I3)', () => {
    const { domain, spawn, patch } = world();
    const first = spawn('Ada', 'k');
    const id = idOf(first);
    expect(spawn('Ada', 'k')).toMatchObject({ id, replayed: true, data: (first as { data: object }).data });
    patch(id, { name: 'Bob' });
    domain.tell('agent', id, 'stop');
    const before = domain.events.length;
    expect(spawn('Ada', 'k')).toMatchObject({ ok: true, id, replayed: true });
    expect(codeOf(spawn('Eve', 'k'))).toBe('idempotency_key_reused');
    expect(domain.events.length).toBe(before);
  });

  it('is renamed once under one key, whatever changed since', () => {
    const { domain, spawn, patch, profile } = world();
    const id = idOf(spawn('Ada'));
    patch(id, { name: 'Bob', priority: 1 }, 'k');
    patch(id, { priority: 9 });
    expect(patch(id, { name: 'Bob', priority: 1 }, 'k')).toMatchObject({ ok: true, id, replayed: true });
    expect(profile(id).priority).toBe(9);
    expect(codeOf(patch(id, { name: 'Cyd' }, 'k'))).toBe('idempotency_key_reused');
    expect(typesOf(domain, id).filter((type) => type === 'AgentProfileChanged')).toHaveLength(2);
  });
});
