import { describe } from 'vitest';
import { plusMs } from '../../kernel/brand.ts';
import type { Json } from '../../kernel/envelope.ts';
import { type GoalState, nodeOf } from '../goal/state.ts';
import { Domain } from '../testing/domain.ts';
import { becomes, everyStateAndCommand, nothing, type Outcome, type Scene } from '../testing/matrix.ts';
import { complete, fail, holder, newId, spawnedAgent, start, submittedGoal } from '../testing/scenes.ts';
import { verbs } from './behavior.ts';
import type { TaskStatus } from './events.ts';
import type { TaskState } from './state.ts';

/** A goal that stays active whatever becomes of `a`; `b` waits for `z`, which nobody starts. */
const tasks = [
  { key: 'a', type: 'noop', maxAttempts: 2, backoff: { minMs: 1000, maxMs: 1000 }, onFailure: 'continue' },
  { key: 'z', type: 'noop' },
  { key: 'b', type: 'noop', dependsOn: ['z'] },
];

function scene(key: string, prepare: (domain: Domain, taskId: string) => void = () => {}): Scene {
  const domain = new Domain();
  const id = `${submittedGoal(domain, spawnedAgent(domain), { plan: { tasks } })}.${key}`;
  prepare(domain, id);
  return { domain, to: { org: 'default', type: 'task', id } };
}

const states: Readonly<Record<TaskStatus, () => Scene>> = {
  created: () => scene('b'),
  pending: () => scene('a'),
  queued: () => scene('a', (domain, id) => domain.tell('task', id, 'offer')),
  running: () => scene('a', start),
  failed: () => scene('a', (domain, id) => fail(domain, id, { code: 'boom', message: 'no' })),
  completed: () => scene('a', (domain, id) => complete(domain, id, { done: true })),
  dead_letter: () => scene('a', (domain, id) => fail(domain, id)),
  cancelled: () =>
    scene('a', (domain, id) => {
      start(domain, id);
      domain.tell('task', id, 'cancel');
    }),
};

const attemptOf = ({ domain, to }: Scene): number => domain.stateOf<TaskState>('task', to.id).attempt;
const spoken =
  (more: { readonly [key: string]: Json } = {}) =>
  (scene: Scene): Json => ({ attempt: attemptOf(scene), ...holder, ...more });

const status = ({ domain, to }: Scene): TaskStatus | undefined => {
  const [goalId = '', key = ''] = to.id.split('.');
  return nodeOf(domain.stateOf<GoalState>('goal', goalId), key)?.status;
};

const attempt = 1;
const error = { code: 'boom', message: 'no' };
const queued = (offer: number, more: object = {}) =>
  ['TaskQueued', { attempt, offer, run: 1, readyAt: new Domain().now, ...more }] as const;
const retryAt = plusMs(new Domain().now, 1000);
const cancelled = becomes('cancelled', ['TaskCancelled', { code: 'cancelled' }]);
const lost = (reason: string): Outcome =>
  becomes('failed', ['TaskAttemptLost', { attempt, worker: holder.worker, reason, retryAt: new Domain().now }]);
const refusal = { code: 'type_unknown', message: 'not here', retryable: false };
const refused = ['TaskDeadLettered', { attempt, run: 1, error: refusal }] as const;
const timeout = {
  code: 'timeout',
  message: 'the attempt took longer than 300000 ms, and its worker did not end it',
};
const fenced = 'attempt_fenced';
const invalid = 'invalid_transition';

describe('tasks, by state and command,', () => {
  everyStateAndCommand({
    states,
    verbs: Object.keys(verbs) as (keyof typeof verbs)[],
    statusOf: status,
    bodies: {
      offer: () => ({}),
      claim: spoken(),
      decline: spoken({ reason: 'no_slot' }),
      refuse: spoken({ code: 'type_unknown', reason: 'not here' }),
      progress: spoken({ fraction: 0.5, note: 'half' }),
      complete: spoken({ result: { done: true } }),
      fail: spoken({ error }),
      lost: spoken({ reason: 'worker_silent' }),
      timer: (scene) => ({ name: status(scene) === 'queued' ? 'offer' : 'timeout', generation: 1 }),
      cancel: () => ({}),
      redrive: () => ({}),
      reopen: () => ({ run: 2 }),
      signal: () => ({ name: 'stop', payload: [1] }),
      profile: spoken(),
      reach: spoken({ agentId: newId('ag') }),
    },
    table: {
      // Whoever holds the attempt may ask, and nobody else.
      profile: {
        created: fenced,
        pending: fenced,
        queued: fenced,
        running: { redirected: 'agent.profile' },
        failed: fenced,
        completed: fenced,
        dead_letter: fenced,
        cancelled: fenced,
      },
      reach: {
        created: fenced,
        pending: fenced,
        queued: fenced,
        running: { redirected: 'agent.reach' },
        failed: fenced,
        completed: fenced,
        dead_letter: fenced,
        cancelled: fenced,
      },
      offer: {
        created: nothing,
        pending: becomes('queued', queued(1)),
        queued: nothing,
        running: nothing,
        failed: nothing,
        completed: nothing,
        dead_letter: nothing,
        cancelled: nothing,
      },
      claim: {
        created: fenced,
        pending: fenced,
        queued: becomes('running', ['TaskStarted', { attempt, ...holder }]),
        running: { repeated: null },
        failed: fenced,
        completed: fenced,
        dead_letter: fenced,
        cancelled: fenced,
      },
      decline: {
        created: nothing,
        pending: nothing,
        queued: becomes('queued', queued(2)),
        running: lost('no_slot'),
        failed: nothing,
        completed: nothing,
        dead_letter: nothing,
        cancelled: nothing,
      },
      refuse: {
        created: fenced,
        pending: fenced,
        queued: becomes('dead_letter', refused),
        running: becomes('dead_letter', ['TaskAttemptFailed', { attempt, error: refusal }], refused),
        failed: fenced,
        completed: fenced,
        dead_letter: fenced,
        cancelled: fenced,
      },
      progress: {
        created: fenced,
        pending: fenced,
        queued: fenced,
        running: becomes('running', ['TaskProgressed', { attempt, fraction: 0.5, note: 'half' }]),
        failed: fenced,
        completed: fenced,
        dead_letter: fenced,
        cancelled: fenced,
      },
      complete: {
        created: fenced,
        pending: fenced,
        queued: fenced,
        running: becomes('completed', ['TaskCompleted', { attempt, result: { done: true } }]),
        failed: fenced,
        completed: { repeated: null },
        dead_letter: fenced,
        cancelled: fenced,
      },
      fail: {
        created: fenced,
        pending: fenced,
        queued: fenced,
        running: becomes('failed', ['TaskAttemptFailed', { attempt, error, retryAt }]),
        failed: { repeated: null },
        completed: fenced,
        dead_letter: { repeated: null },
        cancelled: fenced,
      },
      lost: {
        created: nothing,
        pending: nothing,
        queued: nothing,
        running: lost('worker_silent'),
        failed: nothing,
        completed: nothing,
        dead_letter: nothing,
        cancelled: nothing,
      },
      timer: {
        created: nothing,
        pending: nothing,
        queued: becomes('queued', queued(2)),
        running: becomes('failed', ['TaskAttemptFailed', { attempt, error: timeout, retryAt }]),
        failed: nothing,
        completed: nothing,
        dead_letter: nothing,
        cancelled: nothing,
      },
      cancel: {
        created: cancelled,
        pending: cancelled,
        queued: cancelled,
        running: cancelled,
        failed: cancelled,
        completed: invalid,
        dead_letter: invalid,
        cancelled: invalid,
      },
      redrive: {
        created: invalid,
        pending: invalid,
        queued: invalid,
        running: invalid,
        failed: invalid,
        completed: invalid,
        // Its goal goes on without it: task-redrive.test.ts has the goals in which it may.
        dead_letter: invalid,
        cancelled: invalid,
      },
      reopen: {
        created: nothing,
        pending: nothing,
        queued: nothing,
        running: nothing,
        failed: nothing,
        completed: nothing,
        dead_letter: nothing,
        cancelled: becomes('pending', ['TaskReopened', { run: 2 }]),
      },
      signal: {
        created: invalid,
        pending: invalid,
        queued: invalid,
        running: becomes('running', ['TaskSignalled', { name: 'stop', payload: [1] }]),
        failed: invalid,
        completed: invalid,
        dead_letter: invalid,
        cancelled: invalid,
      },
    },
  });
});
