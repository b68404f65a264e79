import { z } from 'zod';
import { dependenciesMax, goalTextMax, labelsMax } from '../bounds.ts';
import { idOfType, line, priority, prose, subject } from '../input.ts';

/** What clients say to submit a goal. The plan is checked by `checkPlan`, which names every fault of the graph. */
export const goalInput = z
  .strictObject({
    agentId: idOfType('ag', 'an agent'),
    text: prose(goalTextMax).min(1).optional(),
    plan: z
      .looseObject({ tasks: z.array(z.unknown()) })
      .optional()
      .describe(
        '{ tasks: [{ key, type, input?, dependsOn?, pool?, priority?, maxAttempts?, timeoutMs?, backoff?, limits?, onFailure? }] }',
      ),
    priority: priority.default(5),
    dependsOn: z
      .array(idOfType('gl', 'a goal'))
      .max(dependenciesMax)
      .default([])
      .refine((ids) => new Set(ids).size === ids.length, 'expected different goals'),
    deadline: z.iso.datetime({ offset: true }).optional(),
    requireApproval: z.boolean().default(false),
    labels: z
      .record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 of A-Z, a-z, 0-9, _, . and -'), line(128))
      .default({})
      .refine((labels) => Object.keys(labels).length <= labelsMax, `expected at most ${labelsMax} labels`),
    subject: subject.optional(),
  })
  .refine(({ text, plan }) => text !== undefined || plan !== undefined, 'expected a text, a plan, or both');

export type GoalInput = z.infer<typeof goalInput>;
