import type { Envelope, Json } from '../../kernel/envelope.ts';
import type { ReasonInput } from '../input.ts';
import { nameId } from '../name/behavior.ts';
import { commandFor, creationOf, type RequestContext } from '../request.ts';
import type { AgentInput, AgentPatch, MessageInput } from './input.ts';
import { spawnReservation } from './naming.ts';

/** An agent to spawn: without a key, its parent is asked at once, or its name reserved. */
export function spawnAgent(input: AgentInput, context: RequestContext): Envelope {
  const profile = input as unknown as Json;
  const { org } = context;
  return creationOf(
    'ag',
    profile,
    context,
    (id, createdFirst) =>
      createdFirst
        ? { to: { org, type: 'agent', id }, verb: 'create', body: { profile } }
        : input.parentId !== null
          ? { to: { org, type: 'agent', id: input.parentId }, verb: 'bear', body: { childId: id, profile } }
          : {
              to: { org, type: 'name', id: nameId(org, 'agent', input.name) },
              verb: 'reserve',
              body: spawnReservation(id, input),
            },
    input.subject ?? undefined,
  );
}

export const patchAgent = (id: string, change: AgentPatch, context: RequestContext): Envelope =>
  commandFor({ org: context.org, type: 'agent', id }, 'patch', change as unknown as Json, context);

export const agentVerbs = ['pause', 'resume', 'drain', 'stop', 'restart'] as const;

export const commandAgent = (
  id: string,
  verb: (typeof agentVerbs)[number],
  input: ReasonInput,
  context: RequestContext,
): Envelope => commandFor({ org: context.org, type: 'agent', id }, verb, { ...input }, context);

export const messageAgent = (id: string, input: MessageInput, context: RequestContext): Envelope =>
  commandFor(
    { org: context.org, type: 'agent', id },
    'message',
    { type: input.type, payload: input.payload, from: context.principal },
    context,
    input.subject,
  );
