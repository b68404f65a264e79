import { micros } from '../../kernel/brand.ts';
import type { Envelope, Json } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';
import { goalDeadlineMaxMs } from '../bounds.ts';
import type { ReasonInput } from '../input.ts';
import { commandFor, creationOf, type RequestContext } from '../request.ts';
import { deadlineIsPast, deadlineProblem } from './deadline.ts';
import type { GoalInput } from './input.ts';
import { checkPlan, planProblem } from './plan-check.ts';

/** A goal to submit. Throws `plan_invalid` or `plan_too_large` (every fault named), `invalid_input` for a deadline that is none. */
export function submitGoal(input: GoalInput, context: RequestContext): Envelope {
  const { agentId, text, priority, dependsOn, requireApproval, labels, subject } = input;
  const goal: Record<string, Json> = { agentId, priority, dependsOn, requireApproval, labels };
  if (text !== undefined) goal['text'] = text;
  if (subject !== undefined) goal['subject'] = subject;
  if (input.deadline !== undefined) goal['deadline'] = deadlineOf(input.deadline, context);
  if (input.plan !== undefined) {
    const checked = checkPlan(input.plan, { priority });
    if (!checked.ok) throw AstraError.fromProblem(planProblem(checked));
    goal['plan'] = checked.plan as unknown as Json;
  }
  return creationOf(
    'gl',
    goal,
    context,
    (goalId, createdFirst) =>
      createdFirst
        ? { to: { org: context.org, type: 'goal', id: goalId }, verb: 'create', body: { goalId, goal } }
        : { to: { org: context.org, type: 'agent', id: agentId }, verb: 'admit', body: { goalId, goal } },
    subject,
  );
}

/** I3: what is asked again under its key is answered as before, however late; the agent, asked last, knows that it is none. */
function deadlineOf(text: string, { now, idempotencyKey, firstSeen }: RequestContext): number {
  const at = micros(Date.parse(text) * 1000);
  const mayBeRepeat = idempotencyKey !== undefined && firstSeen !== true;
  if (at > now + goalDeadlineMaxMs * 1000)
    throw AstraError.fromProblem(deadlineProblem('expected a time within a year'));
  if (at <= now && !mayBeRepeat) throw AstraError.fromProblem(deadlineIsPast);
  return at;
}

export const goalVerbs = ['cancel', 'pause', 'resume', 'approve', 'reject'] as const;

export const commandGoal = (
  id: string,
  verb: (typeof goalVerbs)[number],
  input: ReasonInput,
  context: RequestContext,
): Envelope => commandFor({ org: context.org, type: 'goal', id }, verb, { ...input }, context);
