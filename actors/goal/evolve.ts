import type { Stamped } from '../../kernel/behavior.ts';
import { micros, plusMs } from '../../kernel/brand.ts';
import { goalDeadlineDefaultMs, goalWatchersMax } from '../bounds.ts';
import type { GoalEvent } from './events.ts';
import { createGraph } from './graph.ts';
import type { Plan } from './plan.ts';
import { planningTask } from './planning-task.ts';
import { type GoalState, isEnded } from './state.ts';
import { cancelWave, reopenWave } from './wave.ts';

export function evolve(was: GoalState | undefined, event: Stamped<GoalEvent>): GoalState {
  if (event.type === 'GoalSubmitted') return submitted(event);
  const state = was as GoalState;
  state.touched = [];
  state.waveFrom = undefined;
  switch (event.type) {
    case 'GoalWatched':
      if (!isEnded(state) && state.watchers.length < goalWatchersMax)
        state.watchers = [...state.watchers, event.data.by];
      break;
    case 'GoalBlocked':
      state.status = 'blocked';
      state.waitingFor = event.data.on;
      break;
    case 'GoalUnblocked':
      state.waitingFor = event.data.left;
      if (event.data.left.length > 0) break;
      state.status = state.plan ? 'submitted' : 'planning';
      if (state.planning) state.planning.readyAt = event.at;
      break;
    case 'GoalPlanned':
      state.plan = readable(event.data.plan);
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
      state.wave = undefined;
      break;
    case 'GoalFailed':
      state.status = 'failed';
      state.wave = cancelWave(state, event.actor.id, 'goal_failed', event.data.culprit);
      break;
    case 'GoalCancelled':
      state.status = 'cancelled';
      state.wave = cancelWave(state, event.actor.id, event.data.code, event.data.culprit);
      break;
    case 'GoalReopened':
      state.status = 'active';
      state.run = event.data.run;
      state.watchers = [];
      state.wave = reopenWave(event.data.tasks, event.data.run);
      state.deadline = plusMs(event.at, goalDeadlineDefaultMs);
      break;
    case 'GoalAdmissionDeclined':
    case 'GoalPlanRejected':
    case 'GoalApproved':
    case 'GoalRejected':
    case 'GoalApprovalExpired':
      break;
  }
  // What the creating commit came to is what its answer said.
  if (event.version === 2 && createsWith.has(event.type)) state.firstStatus = state.status;
  return state;
}

/** What follows GoalSubmitted in its decision. */
const createsWith: ReadonlySet<GoalEvent['type']> = new Set(['GoalBlocked', 'GoalActivated', 'GoalApprovalRequested']);

/** A plan that was erased with its subject is the constant for that: nothing of its tasks can be told. */
const readable = (plan: Plan): Plan => (typeof plan === 'object' ? plan : { tasks: [] });

function submitted({ data, at, actor }: Stamped<Extract<GoalEvent, { type: 'GoalSubmitted' }>>): GoalState {
  const plan = data.plan && readable(data.plan);
  const status = plan ? 'submitted' : 'planning';
  return {
    agentId: data.agentId,
    agent: data.agent,
    subject: data.subject,
    fingerprint: data.fingerprint,
    requireApproval: data.requireApproval,
    priority: data.priority,
    firstStatus: status,
    firstTasks: (plan?.tasks ?? []).map(({ key }) => `${actor.id}.${key}`),
    status,
    run: 1,
    plan,
    waitingFor: [],
    deadline: micros(data.deadline),
    approvalUntil: micros(0),
    graph: undefined,
    planning: plan
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
    wave: undefined,
    touched: [],
    waveFrom: undefined,
  };
}
