import { z } from 'zod';
import { agentInput } from '../agent/input.ts';
import { messageBytesMax, namesMax, sentBytesMax, sentMessagesMax, spawnedMax } from '../bounds.ts';
import { idOfType, json, line } from '../input.ts';

/** A signal to a running task. */
export const signalInput = z.strictObject({ name: line(namesMax), payload: json(messageBytesMax).optional() });
export type SignalInput = z.infer<typeof signalInput>;

/** Messages of an attempt, to agents of its org. */
export const sentMessages = z
  .array(
    z.strictObject({
      to: idOfType('ag', 'an agent'),
      type: line(namesMax),
      payload: json(sentBytesMax).default(null),
    }),
  )
  .max(sentMessagesMax, `expected at most ${sentMessagesMax} messages of one attempt`);

/** Profiles of agents that an attempt spawns: children of its goal's agent, and about whom the goal is. */
export const spawnedAgents = z
  .array(agentInput.omit({ parentId: true, subject: true }))
  .max(spawnedMax, `expected at most ${spawnedMax} agents of one attempt`);
