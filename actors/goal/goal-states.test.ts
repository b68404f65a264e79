import { describe } from 'vitest';
import type { Json } from '../../kernel/envelope.ts';
import { Domain } from '../testing/domain.ts';
import { becomes, everyStateAndCommand, nothing, type Outcome, type Scene } from '../testing/matrix.ts';
import { complete, fail, newId, spawnedAgent, submittedGoal } from '../testing/scenes.ts';
import { verbs } from './behavior.ts';
import type { GoalStatus } from './events.ts';
import type { GoalState } from './state.ts';

const plan = { tasks: [{ key: 'a', type: 'noop' }] };
const elsewhere = newId('gl');

function scene(input: object, prepare: (domain: Domain, id: string) => void = () => {}): Scene {
  const domain = new Domain();
  const id = submittedGoal(domain, spawnedAgent(domain), input);
  prepare(domain, id);
  return { domain, to: { org: 'default', type: 'goal', id } };
}

function blocked(): Scene {
  const domain = new Domain();
  const agentId = spawnedAgent(domain);
  const first = submittedGoal(domain, agentId, { plan });
  const id = submittedGoal(domain, agentId, { plan, dependsOn: [first] });
  return { domain, to: { org: 'default', type: 'goal', id } };
}

/** `submitted` lasts no longer than the decision that ends it: goals are never found in it. */
type State = Exclude<GoalStatus, 'submitted'> | 'absent';

const states: Readonly<Record<State, () => Scene>> = {
  absent: () => ({ domain: new Domain(), to: { org: 'default', type: 'goal', id: newId('gl') } }),
  blocked,
  planning: () => scene({ text: 'do it' }),
  awaiting_approval: () => scene({ plan, requireApproval: true }),
  active: () => scene({ plan }),
  paused: () => scene({ plan }, (domain, id) => domain.tell('goal', id, 'pause')),
  completed: () => scene({ plan }, (domain, id) => complete(domain, `${id}.a`)),
  failed: () => scene({ plan }, (domain, id) => fail(domain, `${id}.a`)),
  cancelled: () => scene({ plan }, (domain, id) => domain.tell('goal', id, 'cancel')),
};

const stateOf = ({ domain, to }: Scene): GoalState | undefined => domain.stateOf<GoalState>('goal', to.id);

/** What a goal that was submitted without a key says to one that comes with the same id: its first answer. */
const first =
  (status: GoalStatus, taskIds: readonly string[] = ['a']) =>
  ({ to }: Scene): Outcome => ({ repeated: { id: to.id, status, taskIds: taskIds.map((key) => `${to.id}.${key}`) } });

const planned = {
  type: 'noop',
  input: {},
  dependsOn: [],
  pool: 'default',
  priority: 5,
  maxAttempts: 3,
  timeoutMs: 300_000,
  backoff: { minMs: 500, maxMs: 60_000 },
  limits: {},
  onFailure: 'fail_goal',
};
const submitted = {
  plan: { tasks: [{ ...planned, key: 'x' }] },
  priority: 5,
  dependsOn: [],
  requireApproval: false,
  labels: {},
  deadline: 1,
};
const agent = { profileVersion: 1, allowedTools: [] };
const someAgent = newId('ag');
const submission = (scene: Scene): Json => ({
  goalId: scene.to.id,
  goal: { ...submitted, agentId: stateOf(scene)?.agentId ?? someAgent },
  agent,
});

const activated = ['GoalActivated', { tasks: 1 }] as const;
const cancelled = (data: object): Outcome => becomes('cancelled', ['GoalCancelled', data]);
const stopped = cancelled({ code: 'cancelled', reason: 'enough' });
const deadline = cancelled({ code: 'deadline_exceeded', reason: 'the goal passed its deadline' });
const error = { code: 'boom', message: 'no' };
const failed = (scene: Scene): Outcome => becomes('failed', ['GoalFailed', { error, culprit: `${scene.to.id}.a` }]);
const watchedIn = (now: GoalStatus): Outcome => becomes(now, ['GoalWatched', { by: elsewhere }]);
const missing = 'not_found';
const invalid = 'invalid_transition';

describe('goals, by state and command,', () => {
  everyStateAndCommand({
    states,
    verbs: ['create', 'submit', 'watch', ...(Object.keys(verbs) as (keyof typeof verbs)[])],
    statusOf: (scene) => stateOf(scene)?.status,
    bodies: {
      create: submission,
      submit: submission,
      watch: () => ({ by: elsewhere }),
      cancel: () => ({ reason: 'enough' }),
      pause: () => ({ reason: 'lunch' }),
      resume: () => ({}),
      approve: () => ({ reason: 'fine' }),
      reject: () => ({ reason: 'no' }),
      planned: () => ({ plan }),
      fail: ({ to }) => ({ culprit: `${to.id}.a`, error }),
      settle: () => ({}),
      reopen: () => ({}),
      timer: () => ({ name: 'deadline', generation: 1 }),
      dependency: (scene) => ({ goalId: stateOf(scene)?.waitingFor[0] ?? elsewhere, status: 'completed' }),
    },
    table: {
      create: {
        absent: { redirected: 'agent.admit' },
        blocked: first('blocked'),
        planning: first('planning', []),
        awaiting_approval: first('awaiting_approval'),
        active: first('active'),
        paused: first('active'),
        completed: first('active'),
        failed: first('active'),
        cancelled: first('active'),
      },
      submit: {
        absent: (scene) => ({
          events: [['GoalSubmitted', { ...submitted, agentId: someAgent, agent }], activated],
          now: 'active',
          answer: { id: scene.to.id, status: 'active', taskIds: [`${scene.to.id}.x`] },
        }),
        blocked: first('blocked'),
        planning: first('planning', []),
        awaiting_approval: first('awaiting_approval'),
        active: first('active'),
        paused: first('active'),
        completed: first('active'),
        failed: first('active'),
        cancelled: first('active'),
      },
      watch: {
        absent: { redirected: 'goal.dependency' },
        blocked: watchedIn('blocked'),
        planning: watchedIn('planning'),
        awaiting_approval: watchedIn('awaiting_approval'),
        active: watchedIn('active'),
        paused: watchedIn('paused'),
        completed: watchedIn('completed'),
        failed: watchedIn('failed'),
        cancelled: watchedIn('cancelled'),
      },
      cancel: {
        absent: missing,
        blocked: stopped,
        planning: stopped,
        awaiting_approval: stopped,
        active: stopped,
        paused: stopped,
        completed: invalid,
        failed: invalid,
        cancelled: invalid,
      },
      pause: {
        absent: missing,
        blocked: invalid,
        planning: invalid,
        awaiting_approval: invalid,
        active: becomes('paused', ['GoalPaused', { reason: 'lunch' }]),
        paused: invalid,
        completed: invalid,
        failed: invalid,
        cancelled: invalid,
      },
      resume: {
        absent: missing,
        blocked: invalid,
        planning: invalid,
        awaiting_approval: invalid,
        active: invalid,
        paused: becomes('active', ['GoalResumed', {}]),
        completed: invalid,
        failed: invalid,
        cancelled: invalid,
      },
      approve: {
        absent: missing,
        blocked: invalid,
        planning: invalid,
        awaiting_approval: becomes('active', ['GoalApproved', { by: 'key:test', reason: 'fine' }], activated),
        active: invalid,
        paused: invalid,
        completed: invalid,
        failed: invalid,
        cancelled: invalid,
      },
      reject: {
        absent: missing,
        blocked: invalid,
        planning: invalid,
        awaiting_approval: becomes(
          'cancelled',
          ['GoalRejected', { by: 'key:test', reason: 'no' }],
          ['GoalCancelled', { code: 'rejected', reason: 'no' }],
        ),
        active: invalid,
        paused: invalid,
        completed: invalid,
        failed: invalid,
        cancelled: invalid,
      },
      planned: {
        absent: missing,
        blocked: nothing,
        planning: becomes('active', ['GoalPlanned', { plan: { tasks: [{ ...planned, key: 'a' }] } }], activated),
        awaiting_approval: nothing,
        active: nothing,
        paused: nothing,
        completed: nothing,
        failed: nothing,
        cancelled: nothing,
      },
      fail: {
        absent: missing,
        blocked: failed,
        planning: failed,
        awaiting_approval: failed,
        active: failed,
        paused: failed,
        completed: nothing,
        failed: nothing,
        cancelled: nothing,
      },
      // Its tasks are open, or it has none: goal-course.test.ts has those that have ended.
      settle: {
        absent: missing,
        blocked: nothing,
        planning: nothing,
        awaiting_approval: nothing,
        active: nothing,
        paused: nothing,
        completed: nothing,
        failed: nothing,
        cancelled: nothing,
      },
      reopen: {
        absent: missing,
        blocked: nothing,
        planning: nothing,
        awaiting_approval: nothing,
        active: nothing,
        paused: nothing,
        // Nothing of theirs was redriven: a run would have nothing to do.
        completed: nothing,
        failed: nothing,
        cancelled: nothing,
      },
      timer: {
        absent: missing,
        blocked: deadline,
        planning: deadline,
        awaiting_approval: deadline,
        active: deadline,
        paused: deadline,
        completed: nothing,
        failed: nothing,
        cancelled: nothing,
      },
      dependency: {
        absent: missing,
        blocked: (scene) =>
          becomes('active', ['GoalUnblocked', { by: stateOf(scene)?.waitingFor[0], left: [] }], activated),
        planning: nothing,
        awaiting_approval: nothing,
        active: nothing,
        paused: nothing,
        completed: nothing,
        failed: nothing,
        cancelled: nothing,
      },
    },
  });
});
