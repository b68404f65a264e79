import { type Address, memberKey } from '../../kernel/address.ts';
import {
  accept,
  type Behavior,
  type DecideContext,
  type Decision,
  type Effect,
  redirect,
  refuse,
  repeat,
  type Stamped,
  send,
} from '../../kernel/behavior.ts';
import { micros, plusMs } from '../../kernel/brand.ts';
import type { Json } from '../../kernel/envelope.ts';
import { approvalMs, cancelWaveTasks, goalDeadlineDefaultMs } from '../bounds.ts';
import { task } from '../task/behavior.ts';
import type { TaskError, TaskEvent, TaskStatus } from '../task/events.ts';
import { bornTask, type TaskState } from '../task/state.ts';
import type { AgentProfilePin, GoalEvent, GoalStatus } from './events.ts';
import {
  createGraph,
  downstream,
  type Graph,
  isSettledWell,
  isTerminal,
  move,
  type Node,
  openTasks,
  release,
  reopen,
  sinks,
} from './graph.ts';
import type { Plan } from './plan.ts';
import { checkPlan } from './plan-check.ts';
import { planningTask } from './planning-task.ts';
import type { GoalState } from './state.ts';

/**
 * A goal (domain.md, "Goal"), head of the family of its tasks:
 *
 *   submitted → blocked | planning → (awaiting_approval →) active ⇄ paused → completed | failed | cancelled
 *
 * It owns the graph: it folds its tasks' events, lets go what has become ready, and ends when they have. Ending with a failure or
 * on request cancels what is open, in waves, so that a goal of ten thousand tasks holds its shard for no longer than one of ten.
 */
export const goal: Behavior<GoalState, GoalEvent> = {
  type: 'goal',
  ids: { prefix: 'gl' },
  version: 1,
  events: {
    GoalSubmitted: 1,
    GoalWatched: 1,
    GoalBlocked: 1,
    GoalUnblocked: 1,
    GoalPlanned: 1,
    GoalPlanRejected: 1,
    GoalApprovalRequested: 1,
    GoalApproved: 1,
    GoalRejected: 1,
    GoalApprovalExpired: 1,
    GoalActivated: 1,
    GoalPaused: 1,
    GoalResumed: 1,
    GoalCompleted: 1,
    GoalFailed: 1,
    GoalCancelled: 1,
    GoalReopened: 1,
  },
  decide(state, verb, body, context) {
    const fields = (body ?? {}) as Fields;
    if (verb === 'create' || verb === 'submit') return submit(state, verb, fields, context);
    if (verb === 'watch') return watch(state, fields, context);
    if (!state) return refuse('rejected', 'not_found', `there is no goal ${context.self.id}`);
    const decide = verbs[verb];
    return decide
      ? decide(state, fields, context)
      : refuse('rejected', 'invalid_input', `a goal does not know the command ${verb}`);
  },
  evolve,
  react,
  timers(state) {
    if (isEnded(state)) return [];
    const deadline = { name: 'deadline', at: state.deadline, generation: state.run };
    return state.status === 'awaiting_approval'
      ? [deadline, { name: 'approval', at: state.approvalUntil, generation: state.run }]
      : [deadline];
  },
  idle: (state) =>
    isEnded(state) &&
    (!state.graph || openTasks(state.graph) === 0) &&
    (!state.planning || isTerminal(state.planning.status)),
  subject: ({ subject }) => subject,
  personal: {
    GoalSubmitted: ['text', 'plan', 'labels'],
    GoalPlanned: ['plan'],
    GoalPlanRejected: ['error'],
    GoalApproved: ['reason'],
    GoalRejected: ['reason'],
    GoalPaused: ['reason'],
    GoalResumed: ['reason'],
    GoalFailed: ['error'],
    GoalCancelled: ['reason'],
  },
  family: {
    member: task as unknown as Behavior,
    bears: (state, event) =>
      event.type === 'GoalSubmitted' && !event.data.plan
        ? [planningTask.key]
        : event.type === 'GoalActivated'
          ? [...(state.graph as Graph).nodes.keys()]
          : [],
    born: (state, event, self) =>
      bornTask((nodeOf(state, memberKey(self.id) as string) as Node).task, event.at, state.run),
    evolve: (state, event, key, member) =>
      evolveMember(state, event as unknown as Stamped<TaskEvent>, key, member as TaskState),
    react: (state, event, key) => reactMember(state, event as unknown as Stamped<TaskEvent>, key),
  },
};

type Fields = { readonly [key: string]: Json | undefined };

const isEnded = ({ status }: GoalState): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';

export const nodeOf = (state: GoalState, key: string): Node | undefined =>
  key === planningTask.key ? state.planning : state.graph?.nodes.get(key);

const agentOf = (self: Address, state: GoalState): Address => ({ org: self.org, type: 'agent', id: state.agentId });
const goalAt = (self: Address, id: string): Address => ({ org: self.org, type: 'goal', id });
const taskAt = (self: Address, key: string): Address => ({ org: self.org, type: 'task', id: `${self.id}.${key}` });

// — Decide —

/** What a creation says: the input with its defaults, from the edge; the agent's pin, from the admission. */
interface Submission {
  readonly agentId: string;
  readonly text?: string;
  readonly plan?: Plan;
  readonly priority: number;
  readonly dependsOn: readonly string[];
  readonly deadline?: number;
  readonly requireApproval: boolean;
  readonly labels: { readonly [key: string]: string };
  readonly subject?: string;
}

function submit(
  state: GoalState | undefined,
  verb: string,
  body: Fields,
  { self, now, envelope }: DecideContext,
): Decision<GoalEvent> {
  if (state) {
    if (state.fingerprint !== envelope.fingerprint)
      return refuse(
        'rejected',
        'idempotency_key_reused',
        'this idempotency key was used for another goal: use a new key, or repeat the same request',
      );
    return repeat({ id: self.id, status: state.firstStatus, taskIds: [...state.firstTasks] });
  }
  const input = body['goal'] as unknown as Submission;
  // Who creates asks the created first: it does not exist, so the agent has to admit it.
  if (verb === 'create') return redirect({ org: self.org, type: 'agent', id: input.agentId }, 'admit', body as Json);
  const agent = body['agent'] as unknown as AgentProfilePin;
  const deadline = input.deadline ?? plusMs(now, goalDeadlineDefaultMs);
  const events: GoalEvent[] = [
    {
      type: 'GoalSubmitted',
      data: {
        agentId: input.agentId,
        ...(input.text === undefined ? null : { text: input.text }),
        ...(input.plan === undefined ? null : { plan: input.plan }),
        priority: input.priority,
        dependsOn: input.dependsOn,
        deadline,
        requireApproval: input.requireApproval,
        labels: input.labels,
        ...(input.subject === undefined ? null : { subject: input.subject }),
        agent,
        ...(envelope.fingerprint === undefined ? null : { fingerprint: envelope.fingerprint }),
      },
    },
  ];
  if (input.dependsOn.length > 0) events.push({ type: 'GoalBlocked', data: { on: input.dependsOn } });
  else if (input.plan) events.push(begin(input.plan, input.requireApproval, now));
  const status: GoalStatus =
    input.dependsOn.length > 0
      ? 'blocked'
      : !input.plan
        ? 'planning'
        : input.requireApproval
          ? 'awaiting_approval'
          : 'active';
  const taskIds = (input.plan?.tasks ?? []).map(({ key }) => `${self.id}.${key}`);
  return accept(events, { id: self.id, status, taskIds });
}

/** A plan is there and nothing is in its way: to be approved, or active. */
const begin = (plan: Plan, requireApproval: boolean, now: number): GoalEvent =>
  requireApproval
    ? { type: 'GoalApprovalRequested', data: { expiresAt: plusMs(micros(now), approvalMs) } }
    : { type: 'GoalActivated', data: { tasks: plan.tasks.length } };

/** Another goal waits for this one: it is told now, or when this one ends. */
function watch(state: GoalState | undefined, { by }: Fields, { self }: DecideContext): Decision<GoalEvent> {
  const told = (status: string): Decision<GoalEvent> =>
    redirect(goalAt(self, by as string), 'dependency', { goalId: self.id, status });
  if (!state) return told('unknown');
  if (isEnded(state)) return told(state.status);
  return state.watchers.includes(by as string)
    ? accept<GoalEvent>([])
    : accept<GoalEvent>([{ type: 'GoalWatched', data: { by: by as string } }]);
}

const invalid = (state: GoalState, expected: string): Decision<never> =>
  refuse('conflict', 'invalid_transition', `expected ${expected}, found a goal that is ${state.status}`);

const reasonOf = ({ reason }: Fields): { readonly reason?: string } => (typeof reason === 'string' ? { reason } : {});

const verbs: Readonly<Record<string, (state: GoalState, body: Fields, context: DecideContext) => Decision<GoalEvent>>> =
  {
    cancel(state, body) {
      if (isEnded(state))
        return typeof body['code'] === 'string' ? accept<GoalEvent>([]) : invalid(state, 'an open goal');
      return accept<GoalEvent>([
        {
          type: 'GoalCancelled',
          data: { code: typeof body['code'] === 'string' ? body['code'] : 'cancelled', ...reasonOf(body) },
        },
      ]);
    },
    pause: (state, body) =>
      state.status === 'active'
        ? accept<GoalEvent>([{ type: 'GoalPaused', data: reasonOf(body) }])
        : invalid(state, 'an active goal'),
    resume: (state, body) =>
      state.status === 'paused'
        ? accept<GoalEvent>([{ type: 'GoalResumed', data: reasonOf(body) }])
        : invalid(state, 'a paused goal'),
    approve(state, body, { envelope }) {
      if (state.status !== 'awaiting_approval') return invalid(state, 'one that awaits approval');
      return accept<GoalEvent>([
        { type: 'GoalApproved', data: { by: envelope.principal, ...reasonOf(body) } },
        { type: 'GoalActivated', data: { tasks: (state.plan as Plan).tasks.length } },
      ]);
    },
    reject(state, body, { envelope }) {
      if (state.status !== 'awaiting_approval') return invalid(state, 'one that awaits approval');
      return accept<GoalEvent>([
        { type: 'GoalRejected', data: { by: envelope.principal, ...reasonOf(body) } },
        { type: 'GoalCancelled', data: { code: 'rejected', ...reasonOf(body) } },
      ]);
    },
    /** The planning task's result. */
    planned(state, { plan }, { now }) {
      if (state.status !== 'planning') return accept<GoalEvent>([]);
      const checked = checkPlan(plan, { priority: state.priority, allowedTools: state.agent.allowedTools });
      if (checked.ok)
        return accept<GoalEvent>([
          { type: 'GoalPlanned', data: { plan: checked.plan } },
          begin(checked.plan, state.requireApproval, now),
        ]);
      const error: TaskError = {
        code: checked.code,
        message: `the planner's plan has faults: ${checked.faults
          .slice(0, 10)
          .map(({ pointer, message }) => `${pointer}: ${message}`)
          .join('; ')}`,
      };
      return accept<GoalEvent>([
        { type: 'GoalPlanRejected', data: { error } },
        { type: 'GoalFailed', data: { error } },
      ]);
    },
    /** A goal it waits for has ended, or never was. */
    dependency(state, { goalId, status }, { now }) {
      if (isEnded(state) || !state.waitingFor.includes(goalId as string)) return accept<GoalEvent>([]);
      if (status === 'unknown') {
        const error = { code: 'dependency_unknown', message: `expected an existing goal, found no ${String(goalId)}` };
        return accept<GoalEvent>([{ type: 'GoalFailed', data: { error, culprit: goalId as string } }]);
      }
      if (status !== 'completed')
        return accept<GoalEvent>([
          { type: 'GoalCancelled', data: { code: 'dependency_failed', culprit: goalId as string } },
        ]);
      const left = state.waitingFor.filter((id) => id !== goalId);
      const unblocked: GoalEvent = { type: 'GoalUnblocked', data: { by: goalId as string, left } };
      return accept<GoalEvent>(
        left.length === 0 && state.plan ? [unblocked, begin(state.plan, state.requireApproval, now)] : [unblocked],
      );
    },
    /** A task's failure ends the goal. */
    fail(state, { culprit, error }) {
      if (isEnded(state)) return accept<GoalEvent>([]);
      return accept<GoalEvent>([
        { type: 'GoalFailed', data: { error: error as unknown as TaskError, culprit: culprit as string } },
      ]);
    },
    /** Every task has ended. */
    settle(state, _body, { self }) {
      const { graph } = state;
      if (isEnded(state) || !graph || openTasks(graph) > 0) return accept<GoalEvent>([]);
      const nodes = [...graph.nodes.values()];
      const broken = nodes.find((node) => node.status === 'dead_letter' && node.task.onFailure === 'fail_goal');
      if (broken)
        return accept<GoalEvent>([
          {
            type: 'GoalFailed',
            data: {
              error: { code: 'task_failed', message: `task ${broken.task.key} is a dead letter` },
              culprit: `${self.id}.${broken.task.key}`,
            },
          },
        ]);
      const failedTasks = nodes
        .filter(({ status }) => status === 'dead_letter' || status === 'cancelled')
        .map(({ task }) => task.key);
      return accept<GoalEvent>([{ type: 'GoalCompleted', data: { sinks: sinks(graph), failedTasks } }]);
    },
    /** A dead letter was redriven: the next run begins, with what that failure had cancelled. */
    reopen(state, { task: redriven }, { self }) {
      const culprit = `${self.id}.${String(redriven)}`;
      if (!isEnded(state) || !state.graph) return accept<GoalEvent>([]);
      const tasks = [...state.graph.nodes.values()]
        .filter((node) => node.status === 'cancelled' && node.culprit === culprit)
        .map((node) => node.task.key);
      return accept<GoalEvent>([{ type: 'GoalReopened', data: { run: state.run + 1, tasks } }]);
    },
    timer(state, { name, generation }) {
      if (isEnded(state) || generation !== state.run) return accept<GoalEvent>([]);
      if (name === 'deadline')
        return accept<GoalEvent>([
          { type: 'GoalCancelled', data: { code: 'deadline_exceeded', reason: 'the goal passed its deadline' } },
        ]);
      if (name === 'approval' && state.status === 'awaiting_approval')
        return accept<GoalEvent>([
          { type: 'GoalApprovalExpired', data: {} },
          { type: 'GoalCancelled', data: { code: 'approval_expired', reason: 'nobody approved the goal in time' } },
        ]);
      return accept<GoalEvent>([]);
    },
  };

// — Evolve —

function evolve(was: GoalState | undefined, event: Stamped<GoalEvent>): GoalState {
  if (event.type === 'GoalSubmitted') return submitted(event);
  const state = was as GoalState;
  switch (event.type) {
    case 'GoalWatched':
      state.watchers = [...state.watchers, event.data.by];
      break;
    case 'GoalBlocked':
      state.status = 'blocked';
      state.waitingFor = event.data.on;
      break;
    case 'GoalUnblocked':
      state.waitingFor = event.data.left;
      if (event.data.left.length === 0) {
        state.status = state.plan ? 'submitted' : 'planning';
        if (state.planning) state.planning.readyAt = event.at;
      }
      break;
    case 'GoalPlanned':
      state.plan = event.data.plan;
      break;
    case 'GoalApprovalRequested':
      state.status = 'awaiting_approval';
      state.approvalUntil = micros(event.data.expiresAt);
      break;
    case 'GoalActivated':
      state.status = 'active';
      state.graph = createGraph(state.plan as Plan, event.at);
      break;
    case 'GoalPaused':
      state.status = 'paused';
      break;
    case 'GoalResumed':
      state.status = 'active';
      break;
    case 'GoalCompleted':
      state.status = 'completed';
      break;
    case 'GoalFailed':
      state.status = 'failed';
      state.culprit = event.data.culprit;
      startWave(state, event.actor.id, 'goal_failed', event.data.culprit);
      break;
    case 'GoalCancelled':
      state.status = 'cancelled';
      startWave(state, event.actor.id, event.data.code, event.data.culprit);
      break;
    case 'GoalReopened':
      state.status = 'active';
      state.run = event.data.run;
      state.culprit = undefined;
      state.wave = undefined;
      state.deadline = plusMs(event.at, goalDeadlineDefaultMs);
      break;
    case 'GoalPlanRejected':
    case 'GoalApproved':
    case 'GoalRejected':
    case 'GoalApprovalExpired':
      break;
  }
  // What the creating commit came to is what its answer said.
  if (
    event.version <= 2 &&
    (event.type === 'GoalBlocked' || event.type === 'GoalActivated' || event.type === 'GoalApprovalRequested')
  )
    state.firstStatus = state.status;
  return state;
}

function submitted(event: Stamped<Extract<GoalEvent, { type: 'GoalSubmitted' }>>): GoalState {
  const { data, at, actor } = event;
  return {
    agentId: data.agentId,
    agent: data.agent,
    subject: data.subject,
    fingerprint: data.fingerprint,
    requireApproval: data.requireApproval,
    priority: data.priority,
    firstStatus: data.plan ? 'submitted' : 'planning',
    firstTasks: (data.plan?.tasks ?? []).map(({ key }) => `${actor.id}.${key}`),
    status: data.plan ? 'submitted' : 'planning',
    run: 1,
    plan: data.plan,
    waitingFor: [],
    deadline: micros(data.deadline),
    approvalUntil: micros(0),
    graph: undefined,
    planning: data.plan
      ? undefined
      : {
          task: { ...planningTask, input: { text: data.text ?? '', agentId: data.agentId }, priority: data.priority },
          dependents: [],
          status: 'pending',
          waiting: 0,
          readyAt: at,
          result: undefined,
          culprit: undefined,
        },
    resultBytes: 0,
    watchers: [],
    culprit: undefined,
    wave: undefined,
  };
}

function startWave(state: GoalState, id: string, code: string, culprit: string | undefined): void {
  const keys = state.graph
    ? [...state.graph.nodes.values()].filter(({ status }) => !isTerminal(status)).map((node) => node.task.key)
    : [];
  if (state.planning && !isTerminal(state.planning.status)) keys.push(planningTask.key);
  const key = culprit?.startsWith(`${id}.`) ? culprit.slice(id.length + 1) : undefined;
  state.wave =
    keys.length === 0
      ? undefined
      : {
          keys,
          sent: Math.min(cancelWaveTasks, keys.length),
          ended: 0,
          code,
          culprit,
          downstream: state.graph && key !== undefined ? downstream(state.graph, key) : new Set(),
        };
}

const statusAfter: Readonly<Partial<Record<TaskEvent['type'], TaskStatus>>> = {
  TaskQueued: 'queued',
  TaskStarted: 'running',
  TaskCompleted: 'completed',
  TaskAttemptFailed: 'failed',
  TaskAttemptLost: 'failed',
  TaskDeadLettered: 'dead_letter',
  TaskCancelled: 'cancelled',
};

/** What the last member event let go: `react` runs right behind `evolve`, on the same event. */
interface Folded extends GoalState {
  released?: readonly string[];
  /** Where the wave's next part begins, when the last one has ended. */
  waveFrom?: number | undefined;
}

function evolveMember(was: GoalState, event: Stamped<TaskEvent>, key: string, _member: TaskState): GoalState {
  const state = was as Folded;
  state.released = [];
  const node = nodeOf(state, key);
  if (!node) return state;
  const status = statusAfter[event.type];
  const { graph } = state;
  const planning = key === planningTask.key;
  if (status) {
    if (planning || !graph) node.status = status;
    else move(graph, node, status);
  }
  switch (event.type) {
    case 'TaskCompleted':
      node.result = event.data.result;
      if (event.data.result !== undefined) state.resultBytes += Buffer.byteLength(JSON.stringify(event.data.result));
      if (graph && !planning) state.released = release(graph, node, event.at);
      break;
    case 'TaskDeadLettered':
      if (graph && !planning && isSettledWell(node)) state.released = release(graph, node, event.at);
      break;
    case 'TaskCancelled':
      node.culprit = event.data.culprit;
      break;
    case 'TaskRedriven':
      if (graph) move(graph, node, 'pending');
      node.readyAt = event.at;
      break;
    case 'TaskReopened':
      if (graph) reopen(graph, node, event.at);
      break;
  }
  const { wave } = state;
  state.waveFrom = undefined;
  if (wave && status && isTerminal(status) && ++wave.ended >= wave.sent && wave.sent < wave.keys.length) {
    state.waveFrom = wave.sent;
    wave.sent = Math.min(wave.keys.length, wave.sent + cancelWaveTasks);
  }
  return state;
}

// — React —

const ends = new Set<GoalEvent['type']>(['GoalCompleted', 'GoalFailed', 'GoalCancelled']);

function react(state: GoalState, event: Stamped<GoalEvent>): readonly Effect[] {
  const self = event.actor;
  const effects: Effect[] = [];
  switch (event.type) {
    case 'GoalBlocked':
      for (const id of event.data.on) effects.push(send(goalAt(self, id), 'watch', { by: self.id }));
      break;
    case 'GoalSubmitted':
    case 'GoalUnblocked':
      if (state.status === 'planning') effects.push({ kind: 'touch', members: [planningTask.key] });
      break;
    case 'GoalActivated':
      effects.push({ kind: 'touch', members: readyKeys(state) });
      break;
    case 'GoalPaused':
    case 'GoalResumed':
      effects.push({ kind: 'touch', members: openKeys(state) });
      break;
    case 'GoalReopened':
      effects.push(send(agentOf(self, state), 'readmit', { goalId: self.id, run: event.data.run }));
      for (const key of event.data.tasks) effects.push(send(taskAt(self, key), 'reopen', { run: event.data.run }));
      effects.push({ kind: 'touch', members: readyKeys(state) });
      break;
  }
  if (!ends.has(event.type)) return effects;
  effects.push(send(agentOf(self, state), 'settle', { goalId: self.id, run: state.run, status: state.status }));
  for (const watcher of state.watchers)
    effects.push(send(goalAt(self, watcher), 'dependency', { goalId: self.id, status: state.status }));
  if (state.wave) effects.push(...cancels(state, self, 0));
  return effects;
}

/** Cancels the tasks of a wave from `from` to what was allowed so far; and takes back what was offered. */
function cancels(state: GoalState, self: Address, from: number): readonly Effect[] {
  const { wave } = state;
  if (!wave) return [];
  return wave.keys.slice(from, wave.sent).map((key) =>
    send(taskAt(self, key), 'cancel', {
      code: wave.downstream.has(key) ? 'dependency_failed' : wave.code,
      ...(wave.culprit === undefined ? null : { culprit: wave.culprit }),
    }),
  );
}

function reactMember(state: GoalState, event: Stamped<TaskEvent>, key: string): readonly Effect[] {
  const self: Address = {
    org: event.actor.org,
    type: 'goal',
    id: event.actor.id.slice(0, event.actor.id.indexOf('.')),
  };
  const effects: Effect[] = [];
  const { released = [], waveFrom } = state as Folded;
  if (released.length > 0) effects.push({ kind: 'touch', members: released });
  const node = nodeOf(state, key);
  if (!node) return effects;
  if (event.type === 'TaskCompleted' && key === planningTask.key)
    effects.push(send(self, 'planned', { plan: event.data.result ?? null }));
  if (event.type === 'TaskDeadLettered' && node.task.onFailure === 'fail_goal' && !isEnded(state))
    effects.push(send(self, 'fail', { culprit: event.actor.id, error: event.data.error as unknown as Json }));
  if (event.type === 'TaskRedriven') effects.push(send(self, 'reopen', { task: key }));
  if (waveFrom !== undefined) effects.push(...cancels(state, self, waveFrom));
  if (isTerminal(node.status) && !isEnded(state) && state.graph && openTasks(state.graph) === 0)
    effects.push(send(self, 'settle', {}));
  return effects;
}

const readyKeys = (state: GoalState): readonly string[] =>
  state.graph
    ? [...state.graph.nodes.values()].filter(({ status }) => status === 'pending').map((node) => node.task.key)
    : [];

const openKeys = (state: GoalState): readonly string[] =>
  state.graph
    ? [...state.graph.nodes.values()]
        .filter(({ status }) => !isTerminal(status) && status !== 'created')
        .map((node) => node.task.key)
    : [];
