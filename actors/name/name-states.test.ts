import { describe, expect, it } from 'vitest';
import { Domain } from '../testing/domain.ts';
import { becomes, everyStateAndCommand, nothing, type Scene } from '../testing/matrix.ts';
import { codeOf, newId } from '../testing/scenes.ts';
import { type NameState, nameId, verbs } from './behavior.ts';

const holder = newId('ag');
const newHolder = newId('ag');
const reservation = (by: string, version: number) => ({
  kind: 'agent',
  name: 'Ada',
  holder: by,
  version,
  next: 'rename',
  body: { change: { name: 'Ada' }, version },
});

function scene(...commands: readonly (readonly [verb: string, body: object])[]): Scene {
  const domain = new Domain();
  const id = nameId('default', 'agent', 'Ada');
  // Delivered alone: what the name sends on would bring an answer of its own.
  for (const [verb, body] of commands) domain.local({ org: 'default', type: 'name', id }, verb, body as never);
  return { domain, to: { org: 'default', type: 'name', id } };
}

const held = ['reserve', reservation(holder, 2)] as const;
const states = {
  free: () => scene(),
  reserved: () => scene(held),
  taken: () => scene(held, ['confirm', { holder }]),
  released: () => scene(held, ['confirm', { holder }], ['release', { holder, version: 2, reason: 'renamed' }]),
};
const stateOf = ({ domain, to }: Scene): NameState | undefined => domain.stateOf<NameState>('name', to.id);
const statusOf = (scene: Scene): string => (stateOf(scene)?.holder === holder ? 'held' : 'free');

describe('names, by state and command,', () => {
  everyStateAndCommand({
    states,
    verbs: ['reserve', ...(Object.keys(verbs) as (keyof typeof verbs)[])],
    statusOf: ({ domain, to }) => domain.stateOf<NameState>('name', to.id).holder ?? 'free',
    bodies: {
      reserve: () => reservation(newHolder, 1),
      confirm: () => ({ holder }),
      release: () => ({ holder, version: 2, reason: 'stopped' }),
    },
    table: {
      reserve: {
        free: {
          delegated: [['NameReserved', { kind: 'agent', name: 'Ada', holder: newHolder, version: 1 }]],
          now: newHolder,
        },
        reserved: 'agent_name_taken',
        taken: 'agent_name_taken',
        released: {
          delegated: [['NameReserved', { kind: 'agent', name: 'Ada', holder: newHolder, version: 1 }]],
          now: newHolder,
        },
      },
      confirm: {
        free: 'not_found',
        reserved: becomes(holder, ['NameTaken', { holder }]),
        taken: becomes(holder, ['NameTaken', { holder }]),
        released: nothing,
      },
      release: {
        free: 'not_found',
        reserved: becomes('free', ['NameReleased', { holder, reason: 'stopped' }]),
        taken: becomes('free', ['NameReleased', { holder, reason: 'stopped' }]),
        released: nothing,
      },
    },
  });
});
describe('a name', () => {
  it('is one without case or composition, and another in another org or kind', () => {
    const id = nameId('default', 'agent', 'Zoë');
    expect(nameId('default', 'agent', 'ZOE\u0308')).toBe(id);
    expect(nameId('other', 'agent', 'Zoë')).not.toBe(id);
    expect(nameId('default', 'team', 'Zoë')).not.toBe(id);
  });

  it('has an id that follows from it for ever', () => {
    expect(nameId('default', 'agent', 'Ada')).toBe('nm_55nj8tyc8cg25tgv1rsgt9wfpg');
  });

  it('sends its holder on where it is held for that already', () => {
    const { domain, to } = states.taken();
    const again = domain.decision(domain.command('name', to.id, 'reserve', reservation(holder, 2)));
    expect(again).toMatchObject({ kind: 'redirected', to: { type: 'agent', id: holder }, verb: 'rename' });
  });

  it('stays with a holder that has left and come back before its release arrived', () => {
    const left = scene(held, ['reserve', reservation(holder, 4)], ['release', { holder, version: 3 }]);
    expect(statusOf(left)).toBe('held');
    left.domain.local(left.to, 'release', { holder, version: 4 });
    expect(statusOf(left)).toBe('free');
  });

  it('is not released by another one than its holder', () => {
    const { domain, to } = states.taken();
    domain.local(to, 'release', { holder: newHolder, version: 9 });
    expect(statusOf({ domain, to })).toBe('held');
  });

  it.each([
    ['kind', { ...reservation(holder, 1), kind: 1 }],
    ['name', { ...reservation(holder, 1), name: null }],
    ['holder', { ...reservation(holder, 1), holder: undefined }],
    ['version', { ...reservation(holder, 1), version: '1' }],
  ])('is not reserved without a %s', (_field, body) => {
    const { domain, to } = states.free();
    expect(codeOf(domain.tell('name', to.id, 'reserve', body as never))).toBe('invalid_input');
  });
});
