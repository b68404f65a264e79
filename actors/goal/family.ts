import { headId, memberKey } from '../../kernel/address.ts';
import type { Behavior, Effect, Family, Stamped } from '../../kernel/behavior.ts';
import { send } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { jsonBytes } from '../json.ts';
import { task } from '../task/behavior.ts';
import type { SentMessage, SpawnedAgent, TaskEvent, TaskStatus } from '../task/events.ts';
import { bornTask } from '../task/state.ts';
import { agentAt, goalAt } from './addresses.ts';
import type { GoalEvent } from './events.ts';
import {
  type Graph,
  isBroken,
  isSettledWell,
  isTerminal,
  move,
  type Node,
  openTasks,
  release,
  restart,
} from './graph.ts';
import { planningTask } from './planning-task.ts';
import { type GoalState, isEnded, nodeOf } from './state.ts';
import { advance, messagesOf } from './wave.ts';

/** A goal as the head of the family of its tasks: it bears them, and folds their events into its graph. */
export const family: Family<GoalState, GoalEvent> = {
  member: task as unknown as Behavior,
  bears(state, event) {
    if (event.type === 'GoalSubmitted') return state.planning ? [planningTask.key] : [];
    return event.type === 'GoalActivated' ? [...(state.graph as Graph).nodes.keys()] : [];
  },
  born: (state, event, self) =>
    bornTask((nodeOf(state, memberKey(self.id) as string) as Node).task, event.at, state.run),
  evolve: (state, event, key) => evolveMember(state, event as unknown as Stamped<TaskEvent>, key),
  react: (state, event, key) => reactMember(state, event as unknown as Stamped<TaskEvent>, key),
};

const statusAfter: Readonly<Partial<Record<TaskEvent['type'], TaskStatus>>> = {
  TaskQueued: 'queued',
  TaskStarted: 'running',
  TaskCompleted: 'completed',
  TaskAttemptFailed: 'failed',
  TaskAttemptLost: 'failed',
  TaskDeadLettered: 'dead_letter',
  TaskCancelled: 'cancelled',
};

function evolveMember(state: GoalState, event: Stamped<TaskEvent>, key: string): GoalState {
  state.touched = [];
  state.waveFrom = undefined;
  const node = nodeOf(state, key);
  if (!node) return state;
  const status = statusAfter[event.type];
  // The planning task is no part of the graph, and not counted in it.
  const graph = key === planningTask.key ? undefined : state.graph;
  if (status) {
    if (graph) move(graph, node, status);
    else node.status = status;
  }
  if (event.type === 'TaskCompleted') {
    node.result = event.data.result;
    if (event.data.result !== undefined) state.resultBytes += jsonBytes(event.data.result);
  }
  if (event.type === 'TaskCancelled') node.culprit = event.data.culprit;
  if (graph) {
    if (event.type === 'TaskRedriven' || event.type === 'TaskReopened')
      state.touched = [key, ...restart(graph, node, event.at)];
    else if (isTerminal(node.status) && isSettledWell(node) && !isEnded(state))
      state.touched = release(graph, node, event.at);
  }
  if (state.wave) state.waveFrom = advance(state.wave, event.type, node);
  return state;
}

function reactMember(state: GoalState, event: Stamped<TaskEvent>, key: string): readonly Effect[] {
  const self = goalAt(event.actor, headId(event.actor.id));
  const node = nodeOf(state, key);
  if (!node) return [];
  const effects: Effect[] = [];
  if (state.touched.length > 0) effects.push({ kind: 'touch', members: state.touched });
  if (event.type === 'TaskRedriven') effects.push(send(self, 'reopen', {}));
  if (state.wave && state.waveFrom !== undefined) effects.push(...messagesOf(state.wave, self, state.waveFrom));
  if (event.type === 'TaskCompleted') {
    const { messages, spawned } = event.data;
    if (messages) effects.push(...messages.map((message) => mail(message, state, event)));
    if (spawned) effects.push(...spawned.map((child) => wish(child, state, event)));
  }
  if (!isTerminal(node.status) || isEnded(state)) return effects;
  if (event.type === 'TaskCompleted' && key === planningTask.key)
    effects.push(send(self, 'planned', { plan: event.data.result ?? null }));
  const error = isBroken(node) ? whyBroken(event) : undefined;
  if (error) effects.push(send(self, 'fail', { culprit: event.actor.id, error }));
  else if (state.graph && openTasks(state.graph) === 0) effects.push(send(self, 'settle', {}));
  return effects;
}

/** A message of an attempt on its way to a mailbox: from its goal's agent, by this task. */
const mail = ({ to, type, payload }: SentMessage, { agentId }: GoalState, { actor }: Stamped<TaskEvent>): Effect =>
  send(agentAt(actor, to), 'message', { type, payload, from: `agent:${agentId}`, taskId: actor.id });

/** A child that its agent shall have. */
const wish = ({ id, profile }: SpawnedAgent, { agentId }: GoalState, { actor }: Stamped<TaskEvent>): Effect =>
  send(agentAt(actor, agentId), 'bear', { childId: id, profile: profile as unknown as Json });

function whyBroken(event: Stamped<TaskEvent>): Json | undefined {
  if (event.type === 'TaskDeadLettered') return event.data.error as unknown as Json;
  if (event.type !== 'TaskCancelled') return undefined;
  return { code: 'task_cancelled', message: event.data.reason ?? 'a task that the goal needs was cancelled' };
}
