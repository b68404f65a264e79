import { z } from 'zod';
import {
  agentJsonBytesMax,
  maxConcurrentGoalsDefault,
  maxConcurrentGoalsMax,
  maxRestartsMax,
  messageBytesMax,
  namesMax,
  restartWindowMaxMs,
  restartWindowMinMs,
  systemPromptMax,
  tagsMax,
} from '../bounds.ts';
import { idOfType, json, line, priority, prose, subject, typeName } from '../input.ts';
import { supervisionDefault } from './events.ts';

const profileFields = {
  name: line(namesMax),
  kind: z.string().regex(/^[a-z0-9_-]{1,64}$/, 'expected 1 to 64 of a-z, 0-9, _ and -'),
  systemPrompt: prose(systemPromptMax),
  config: json(agentJsonBytesMax),
  tags: z.array(line(64)).max(tagsMax),
  allowedTools: z.array(typeName).max(256),
  priority,
  parentId: idOfType('ag', 'an agent').nullable(),
  maxConcurrentGoals: z.int().min(1).max(maxConcurrentGoalsMax),
  metadata: json(agentJsonBytesMax),
  supervision: z.strictObject({
    policy: z.enum(['restart', 'backoff', 'escalate', 'stop']).default(supervisionDefault.policy),
    maxRestarts: z.int().min(0).max(maxRestartsMax).default(supervisionDefault.maxRestarts),
    withinMs: z.int().min(restartWindowMinMs).max(restartWindowMaxMs).default(supervisionDefault.withinMs),
  }),
};

/** What clients say to spawn an agent. */
export const agentInput = z.strictObject({
  name: profileFields.name,
  kind: profileFields.kind.default('agent'),
  systemPrompt: profileFields.systemPrompt.default(''),
  config: profileFields.config.default({}),
  tags: profileFields.tags.default([]),
  allowedTools: profileFields.allowedTools.default([]),
  priority: profileFields.priority.default(5),
  parentId: profileFields.parentId.default(null),
  maxConcurrentGoals: profileFields.maxConcurrentGoals.default(maxConcurrentGoalsDefault),
  metadata: profileFields.metadata.default({}),
  supervision: profileFields.supervision.default(supervisionDefault),
  subject: subject.nullable().default(null),
});
export type AgentInput = z.infer<typeof agentInput>;

/** What of a profile may change; whose child it is, it stays. */
export const agentPatch = z
  .strictObject(profileFields)
  .omit({ parentId: true })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'expected at least one field to change');
export type AgentPatch = z.infer<typeof agentPatch>;

/** A message into an agent's mailbox. */
export const messageInput = z.strictObject({
  type: line(namesMax),
  payload: json(messageBytesMax).default(null),
  subject: subject.optional(),
});
export type MessageInput = z.infer<typeof messageInput>;
