import { describe, expect, it } from 'vitest';
import { workerPoolsMax, workerSlotsMax, workerTypesMax } from '../bounds.ts';
import { Domain } from '../testing/domain.ts';
import { becomes, everyStateAndCommand, nothing, type Scene } from '../testing/matrix.ts';
import { codeOf, newId } from '../testing/scenes.ts';
import { verbs, type WorkerState, worker } from './behavior.ts';
import type { WorkerProfile, WorkerStatus } from './events.ts';

const profile = (more: object = {}) => ({
  pools: ['default'],
  slots: 4,
  types: ['noop'],
  drivers: ['process'],
  host: 'here',
  version: '1',
  incarnation: 'i1',
  ...more,
});

function scene(...commands: readonly string[]): Scene {
  const domain = new Domain();
  const id = newId('wk');
  for (const command of commands) domain.tell('worker', id, command, { profile: profile(), incarnation: 'i1' });
  return { domain, to: { org: 'default', type: 'worker', id } };
}

const states: Readonly<Record<WorkerStatus | 'absent', () => Scene>> = {
  absent: () => scene(),
  registered: () => scene('register'),
  active: () => scene('register', 'returned'),
  draining: () => scene('register', 'returned', 'drain'),
  lost: () => scene('register', 'returned', 'lost'),
  gone: () => scene('register', 'returned', 'stop'),
};

const stateOf = ({ domain, to }: Scene): WorkerState | undefined => domain.stateOf<WorkerState>('worker', to.id);
const registered = becomes('registered', ['WorkerRegistered', profile() as WorkerProfile]);
const draining = becomes('draining', ['WorkerDraining', { reason: 'because' }]);
const gone = becomes('gone', ['WorkerStopped', { incarnation: 'i1', reason: 'because' }]);
const lost = becomes('lost', ['WorkerLost', { incarnation: 'i1', reason: 'because' }]);
const returned = becomes('active', ['WorkerReturned', { incarnation: 'i1' }]);
const missing = 'not_found';
const invalid = 'invalid_transition';

describe('workers, by state and command,', () => {
  const body = () => ({ incarnation: 'i1', reason: 'because' });
  everyStateAndCommand({
    states,
    verbs: ['register', ...(Object.keys(verbs) as (keyof typeof verbs)[])],
    statusOf: (scene) => stateOf(scene)?.status,
    bodies: { register: () => ({ profile: profile() }), drain: body, stop: body, lost: body, returned: body },
    table: {
      register: {
        absent: registered,
        registered: { repeated: null },
        active: { repeated: null },
        draining: { repeated: null },
        lost: registered,
        gone: registered,
      },
      drain: {
        absent: missing,
        registered: draining,
        active: draining,
        draining: invalid,
        lost: invalid,
        gone: invalid,
      },
      stop: { absent: missing, registered: gone, active: gone, draining: gone, lost: gone, gone: nothing },
      lost: { absent: missing, registered: lost, active: lost, draining: lost, lost: nothing, gone: nothing },
      returned: {
        absent: nothing,
        registered: returned,
        active: nothing,
        draining: nothing,
        lost: returned,
        gone: nothing,
      },
    },
  });
});

describe('a worker', () => {
  it('is not ended, lost or back by what is said of another incarnation', () => {
    for (const state of ['registered', 'active', 'draining', 'lost'] as const)
      for (const verb of ['stop', 'lost', 'returned'] as const) {
        const { domain, to } = states[state]();
        const before = domain.events.length;
        domain.tell('worker', to.id, verb, { incarnation: 'i0' });
        expect(domain.events.length).toBe(before);
      }
  });

  it('that begins another life registers again', () => {
    const { domain, to } = states.active();
    domain.tell('worker', to.id, 'register', { profile: profile({ incarnation: 'i2' }) });
    expect(stateOf({ domain, to })).toMatchObject({ status: 'registered', profile: { incarnation: 'i2' } });
  });

  it('is watched while it is there, by its incarnation', () => {
    const watched = Object.keys(states).filter((state) => {
      const found = stateOf(states[state as WorkerStatus]());
      return found && worker.presence?.(found) === 'i1';
    });
    expect(watched).toEqual(['registered', 'active', 'draining']);
  });

  it.each([
    ['nothing', undefined],
    ['no pools', profile({ pools: [] })],
    ['too many pools', profile({ pools: Array.from({ length: workerPoolsMax + 1 }, (_, i) => `p${i}`) })],
    ['a pool that is no name', profile({ pools: ['Default'] })],
    ['pools that are no list', profile({ pools: 'default' })],
    ['no types', profile({ types: [] })],
    ['too many types', profile({ types: Array.from({ length: workerTypesMax + 1 }, (_, i) => `t${i}`) })],
    ['a type with NUL', profile({ types: ['a\0'] })],
    ['no slots', profile({ slots: 0 })],
    ['too many slots', profile({ slots: workerSlotsMax + 1 })],
    ['half a slot', profile({ slots: 1.5 })],
    ['an empty incarnation', profile({ incarnation: '' })],
    ['an endless incarnation', profile({ incarnation: 'i'.repeat(65) })],
    ['an endless host', profile({ host: 'h'.repeat(201) })],
    ['drivers that are no list', profile({ drivers: { process: true } })],
  ])('is refused with %s', (_what, given) => {
    const { domain, to } = states.absent();
    expect(codeOf(domain.tell('worker', to.id, 'register', { profile: given as never }))).toBe('invalid_input');
  });

  it('says only what is known of workers', () => {
    const { domain, to } = states.absent();
    domain.tell('worker', to.id, 'register', { profile: profile({ secret: 1 }) as never });
    expect(stateOf({ domain, to })?.profile).toEqual(profile());
  });
});
