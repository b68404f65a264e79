import { describe } from 'vitest';
import { Domain } from '../testing/domain.ts';
import { becomes, everyStateAndCommand, nothing, type Outcome, type Scene } from '../testing/matrix.ts';
import { newId, spawnedAgent, submittedGoal } from '../testing/scenes.ts';
import { verbs } from './behavior.ts';
import type { AgentStatus } from './events.ts';
import type { AgentState } from './state.ts';

const plan = { tasks: [{ key: 'a', type: 'noop' }] };
const goalId = newId('gl');
const profile = {
  name: 'Ada',
  kind: 'agent',
  systemPrompt: '',
  config: {},
  tags: [],
  allowedTools: [],
  priority: 5,
  parentId: null,
  maxConcurrentGoals: 1000,
  metadata: {},
  supervision: { policy: 'restart', maxRestarts: 3, withinMs: 60_000 },
  subject: null,
};

/** Ada, with one open goal, after these commands. */
function scene(...commands: readonly string[]): Scene {
  const domain = new Domain();
  const id = spawnedAgent(domain, { name: 'Ada' });
  submittedGoal(domain, id, { plan });
  for (const command of commands) domain.tell('agent', id, command);
  return { domain, to: { org: 'default', type: 'agent', id } };
}

const states: Readonly<Record<AgentStatus | 'absent', () => Scene>> = {
  absent: () => ({ domain: new Domain(), to: { org: 'default', type: 'agent', id: newId('ag') } }),
  active: () => scene(),
  paused: () => scene('pause'),
  draining: () => scene('drain'),
  stopped: () => scene('stop'),
  failed: () => scene('fail'),
};

const stateOf = ({ domain, to }: Scene): AgentState | undefined => domain.stateOf<AgentState>('agent', to.id);

const missing = 'not_found';
const invalid = 'invalid_transition';
const closed = 'agent_not_accepting';
const reused = 'idempotency_key_reused';
const stopped = becomes('stopped', ['AgentStopped', { reason: 'because' }]);
const suspended = becomes('failed', ['AgentFailed', { reason: 'because' }]);
const changedIn = (now: AgentStatus): Outcome => becomes(now, ['AgentProfileChanged', { priority: 1 }]);
const renamedIn = (now: AgentStatus): Outcome => becomes(now, ['AgentProfileChanged', { name: 'Bob' }]);
const admittedIn = (now: AgentStatus): Outcome => becomes(now, ['AgentGoalAdmitted', { goalId, run: 2 }]);
const settledIn =
  (now: AgentStatus, ...more: readonly (readonly [string, object])[]) =>
  (scene: Scene): Outcome =>
    becomes(now, ['AgentGoalSettled', { goalId: openGoal(scene), run: 1, status: 'completed' }], ...more);
const openGoal = (scene: Scene): string => [...(stateOf(scene)?.open.keys() ?? [])][0] ?? goalId;
const childId = newId('ag');
const bornIn = (now: AgentStatus): Outcome => becomes(now, ['AgentChildSpawned', { childId }]);
const goneIn = (now: AgentStatus): Outcome => becomes(now, ['AgentChildStopped', { childId }]);
const told = { events: [], answer: { profile } } as const;
const received = ['AgentMessageReceived', { type: 'note', payload: [1], from: 'key:test' }] as const;

describe('agents, by state and command,', () => {
  everyStateAndCommand({
    states,
    verbs: ['create', 'spawn', 'reserved', ...(Object.keys(verbs) as (keyof typeof verbs)[])],
    statusOf: (scene) => stateOf(scene)?.status,
    bodies: {
      create: () => ({ profile }),
      spawn: () => ({ profile }),
      reserved: () => ({ name: 'Bob', version: 2 }),
      pause: () => ({ reason: 'because' }),
      resume: () => ({ reason: 'because' }),
      drain: () => ({ reason: 'because' }),
      stop: () => ({ reason: 'because' }),
      restart: () => ({ reason: 'because' }),
      fail: () => ({ reason: 'because' }),
      message: () => ({ type: 'note', payload: [1], from: 'key:test' }),
      patch: () => ({ priority: 1 }),
      rename: () => ({ change: { name: 'Bob' }, version: 2 }),
      admit: () => ({ goalId, goal: { agentId: 'ag', plan, priority: 5 } }),
      readmit: () => ({ goalId, run: 2 }),
      settle: (scene) => ({ goalId: openGoal(scene), run: 1, status: 'completed' }),
      reach: () => ({}),
      profile: () => ({ version: 1 }),
      bear: () => ({ childId, profile: { ...profile, name: 'Bob' } }),
      born: () => ({ childId }),
      gone: () => ({ childId }),
      supervise: () => ({ supervision: { policy: 'stop', maxRestarts: 0, withinMs: 1000 }, asOf: 2 }),
    },
    table: {
      reach: {
        absent: missing,
        active: nothing,
        paused: nothing,
        draining: closed,
        stopped: closed,
        failed: closed,
      },
      profile: {
        absent: missing,
        active: told,
        paused: told,
        draining: told,
        stopped: told,
        failed: told,
      },
      bear: {
        absent: 'parent_unknown',
        active: { redirected: 'name.reserve' },
        paused: { redirected: 'name.reserve' },
        draining: closed,
        stopped: closed,
        failed: closed,
      },
      // It was let through before: whatever has become of its parent, it is a child.
      born: {
        absent: missing,
        active: bornIn('active'),
        paused: bornIn('paused'),
        draining: bornIn('draining'),
        stopped: bornIn('stopped'),
        failed: bornIn('failed'),
      },
      // Its birth may come yet: agent-family.test.ts has the usual order.
      gone: {
        absent: missing,
        active: goneIn('active'),
        paused: goneIn('paused'),
        draining: goneIn('draining'),
        stopped: goneIn('stopped'),
        failed: goneIn('failed'),
      },
      // It has no parent whose policy could be another one.
      supervise: {
        absent: missing,
        active: nothing,
        paused: nothing,
        draining: nothing,
        stopped: nothing,
        failed: nothing,
      },
      create: {
        absent: { redirected: 'name.reserve' },
        active: reused,
        paused: reused,
        draining: reused,
        stopped: reused,
        failed: reused,
      },
      spawn: {
        absent: (scene) => ({
          events: [['AgentSpawned', profile]],
          now: 'active',
          answer: { id: scene.to.id, status: 'active' },
        }),
        active: reused,
        paused: reused,
        draining: reused,
        stopped: reused,
        failed: reused,
      },
      reserved: {
        absent: { redirected: 'name.release' },
        active: becomes('active', ['AgentNameDeclined', { name: 'Bob', version: 2 }]),
        paused: becomes('paused', ['AgentNameDeclined', { name: 'Bob', version: 2 }]),
        draining: becomes('draining', ['AgentNameDeclined', { name: 'Bob', version: 2 }]),
        stopped: becomes('stopped', ['AgentNameDeclined', { name: 'Bob', version: 2 }]),
        failed: becomes('failed', ['AgentNameDeclined', { name: 'Bob', version: 2 }]),
      },
      pause: {
        absent: missing,
        active: becomes('paused', ['AgentPaused', { reason: 'because' }]),
        paused: invalid,
        draining: invalid,
        stopped: invalid,
        failed: invalid,
      },
      resume: {
        absent: missing,
        active: invalid,
        paused: becomes('active', ['AgentResumed', { reason: 'because' }]),
        draining: invalid,
        stopped: invalid,
        failed: invalid,
      },
      drain: {
        absent: missing,
        active: becomes('draining', ['AgentDrainStarted', { reason: 'because' }]),
        paused: becomes('draining', ['AgentDrainStarted', { reason: 'because' }]),
        draining: invalid,
        stopped: invalid,
        failed: invalid,
      },
      stop: {
        absent: missing,
        active: stopped,
        paused: stopped,
        draining: stopped,
        stopped: invalid,
        failed: stopped,
      },
      restart: {
        absent: missing,
        active: invalid,
        paused: invalid,
        draining: invalid,
        stopped: invalid,
        failed: becomes('active', ['AgentRestarted', { reason: 'because' }]),
      },
      fail: {
        absent: missing,
        active: suspended,
        paused: suspended,
        draining: suspended,
        stopped: nothing,
        failed: nothing,
      },
      message: {
        absent: missing,
        active: becomes('active', received),
        paused: becomes('paused', received),
        draining: closed,
        stopped: closed,
        failed: closed,
      },
      patch: {
        absent: missing,
        active: changedIn('active'),
        paused: changedIn('paused'),
        draining: changedIn('draining'),
        stopped: invalid,
        failed: changedIn('failed'),
      },
      rename: {
        absent: missing,
        active: renamedIn('active'),
        paused: renamedIn('paused'),
        draining: renamedIn('draining'),
        stopped: invalid,
        failed: renamedIn('failed'),
      },
      admit: {
        absent: missing,
        active: { delegated: [['AgentGoalAdmitted', { goalId, run: 1 }]], now: 'active' },
        paused: closed,
        draining: closed,
        stopped: closed,
        failed: closed,
      },
      readmit: {
        absent: missing,
        active: admittedIn('active'),
        paused: admittedIn('paused'),
        draining: admittedIn('draining'),
        stopped: admittedIn('stopped'),
        failed: admittedIn('failed'),
      },
      settle: {
        absent: missing,
        active: settledIn('active'),
        paused: settledIn('paused'),
        draining: settledIn('stopped', ['AgentStopped', { reason: 'drained' }]),
        // Its goals were cancelled with it.
        stopped: nothing,
        failed: settledIn('failed'),
      },
    },
  });
});
