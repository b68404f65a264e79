import { z } from 'zod';
import type { AgentMessageView, AgentView } from '../../projections/index.ts';
import { heldReason } from './held-actor.ts';
import { agentStatus, count, json, position, time } from './values.ts';

export const agent: z.ZodType<AgentView> = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    kind: z.string(),
    status: agentStatus,
    systemPrompt: z.string(),
    config: json,
    tags: z.array(z.string()),
    allowedTools: z.array(z.string()).meta({ description: 'Task types its plans may use; empty: all' }),
    priority: z.int().min(0).max(9),
    parentId: z.string().nullable(),
    maxConcurrentGoals: count,
    metadata: json,
    supervision: z.strictObject({
      policy: z.enum(['restart', 'backoff', 'escalate', 'stop']),
      maxRestarts: count,
      withinMs: count,
    }),
    subject: z.string().nullable(),
    profileVersion: count,
    openGoals: count,
    reason: z.string().exactOptional(),
    suspension: z
      .strictObject({ id: z.string(), reason: heldReason, code: z.string(), deadLetterId: z.string(), since: time })
      .exactOptional()
      .meta({ description: 'Why it shows as failed, and what is resumed to let it go on' }),
    createdAt: time,
    updatedAt: time,
    position,
  })
  .meta({ id: 'Agent' });

export const agentMessage: z.ZodType<AgentMessageView> = z
  .strictObject({
    position,
    type: z.string(),
    payload: json,
    from: z.string().exactOptional().meta({ description: '`agent:<id>`, `key:<id>` or `publisher:nats`' }),
    taskId: z.string().exactOptional().meta({ description: "Of another agent's message: the task that sent it" }),
    receivedAt: time,
  })
  .meta({ id: 'AgentMessage' });
