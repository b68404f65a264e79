import {
  accept,
  type DecideContext,
  type Decision,
  redirect,
  refuse,
  refuseWith,
  repeat,
} from '../../kernel/behavior.ts';
import { micros, plusMs } from '../../kernel/brand.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { Problem } from '../../kernel/errors.ts';
import { approvalMs, goalDeadlineDefaultMs } from '../bounds.ts';
import { type Fields, isFields } from '../command.ts';
import { agentAt } from './addresses.ts';
import type { AgentProfilePin, GoalEvent, GoalStatus } from './events.ts';
import type { Plan } from './plan.ts';
import { type GoalState, isEnded } from './state.ts';

/** What a creation says: the input with its defaults, from the edge. */
export interface Submission {
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

const reused: Problem = {
  kind: 'rejected',
  code: 'idempotency_key_reused',
  detail: 'this idempotency key was used for another goal: use a new key, or repeat the same request',
};

/**
 * `create` comes from who asks and `submit` from the agent that has admitted it; a goal that exists gives its first answer again
 * (I3: for ever, by its fingerprint).
 */
export function submit(
  state: GoalState | undefined,
  verb: 'create' | 'submit',
  body: Json,
  context: DecideContext,
): Decision<GoalEvent> {
  const { goal, agent, admitted } = isFields(body) ? body : ({} as Fields);
  if (!isFields(goal)) return refuse('rejected', 'invalid_input', 'expected { goalId, goal }');
  const input = goal as unknown as Submission;
  if (state) return again(state, input.agentId, admitted === true, context);
  // Who creates asks the created first: it does not exist, so the agent has to admit it.
  if (verb === 'create') return redirect(agentAt(context.self, input.agentId), 'admit', body);
  return begun(input, agent as unknown as AgentProfilePin, context);
}

function again(
  state: GoalState,
  agentId: string,
  admitted: boolean,
  { self, envelope }: DecideContext,
): Decision<GoalEvent> {
  const isSame = state.fingerprint === envelope.fingerprint;
  const answer = { id: self.id, status: state.firstStatus, taskIds: [...state.firstTasks] };
  // I8: an agent that counts a goal which is not its own, or has ended, would count it for ever.
  if (admitted && (isEnded(state) || agentId !== state.agentId)) {
    const declined: GoalEvent = { type: 'GoalAdmissionDeclined', data: { agentId } };
    return isSame ? accept([declined], answer) : refuseWith([declined], reused);
  }
  return isSame ? repeat(answer) : { kind: 'refused', problem: reused };
}

function begun(input: Submission, agent: AgentProfilePin, { self, now, envelope }: DecideContext): Decision<GoalEvent> {
  const { text, plan, dependsOn, requireApproval, subject } = input;
  const { fingerprint } = envelope;
  const events: GoalEvent[] = [
    {
      type: 'GoalSubmitted',
      data: {
        agentId: input.agentId,
        ...(text === undefined ? null : { text }),
        ...(plan === undefined ? null : { plan }),
        priority: input.priority,
        dependsOn,
        deadline: input.deadline ?? plusMs(now, goalDeadlineDefaultMs),
        requireApproval,
        labels: input.labels,
        ...(subject === undefined ? null : { subject }),
        agent,
        ...(fingerprint === undefined ? null : { fingerprint }),
      },
    },
  ];
  if (dependsOn.length > 0) events.push({ type: 'GoalBlocked', data: { on: dependsOn } });
  else if (plan) events.push(begin(plan, requireApproval, now));
  const taskIds = (plan?.tasks ?? []).map(({ key }) => `${self.id}.${key}`);
  return accept(events, { id: self.id, status: firstStatus(input), taskIds });
}

function firstStatus({ dependsOn, plan, requireApproval }: Submission): GoalStatus {
  if (dependsOn.length > 0) return 'blocked';
  if (!plan) return 'planning';
  return requireApproval ? 'awaiting_approval' : 'active';
}

/** A plan is there and nothing is in its way: to be approved, or active. */
export const begin = (plan: Plan, requireApproval: boolean, now: number): GoalEvent =>
  requireApproval
    ? { type: 'GoalApprovalRequested', data: { expiresAt: plusMs(micros(now), approvalMs) } }
    : { type: 'GoalActivated', data: { tasks: plan.tasks.length } };
