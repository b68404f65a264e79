import type { Behavior } from '../kernel/behavior.ts';
import { supervised } from '../kernel/supervision.ts';
import { agent } from './agent/behavior.ts';
import { deadLetter } from './dead-letter/behavior.ts';
import { goal } from './goal/behavior.ts';
import { name } from './name/behavior.ts';
import { worker } from './worker/behavior.ts';

export type { AgentEvent, AgentProfile, AgentStatus, ChildSupervision } from './agent/events.ts';
export {
  type AgentInput,
  type AgentPatch,
  agentInput,
  agentPatch,
  type MessageInput,
  messageInput,
} from './agent/input.ts';
export { agentVerbs, commandAgent, messageAgent, patchAgent, spawnAgent } from './agent/requests.ts';
export type { DeadLetterEvent } from './dead-letter/events.ts';
export { discardDeadLetter, redriveDeadLetter } from './dead-letter/requests.ts';
export type { GoalEvent, GoalStatus } from './goal/events.ts';
export { type GoalInput, goalInput } from './goal/input.ts';
export type { Plan, PlannedTask, TaskLimits } from './goal/plan.ts';
export { checkPlan, type PlanCheck } from './goal/plan-check.ts';
export { planningTask } from './goal/planning-task.ts';
export { commandGoal, goalVerbs, submitGoal } from './goal/requests.ts';
export { type ReasonInput, readInput, reasonInput, taskId } from './input.ts';
export { nameId } from './name/behavior.ts';
export { parkPublication, publicationVerbs, translatePublication } from './publications.ts';
export type { RequestContext } from './request.ts';
export { resumeActor } from './supervision.ts';
export type { Artifact, TaskError, TaskEvent, TaskStatus } from './task/events.ts';
export { type SignalInput, signalInput } from './task/input.ts';
export { spawnedId } from './task/report.ts';
export { cancelTask, redriveTask } from './task/requests.ts';
export type { WorkerEvent, WorkerProfile, WorkerStatus } from './worker/events.ts';
export { drainWorker } from './worker/requests.ts';

/** Every behavior of the domain, and what watches over them; a task is its goal's family's member. */
export const behaviors = supervised([agent, deadLetter, goal, name, worker] as unknown as readonly Behavior[]);
