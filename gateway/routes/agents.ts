import { z } from 'zod';
import {
  agentInput,
  agentPatch,
  agentVerbs,
  commandAgent,
  messageAgent,
  messageInput,
  patchAgent,
  resumeActor,
  spawnAgent,
} from '../../actors/index.ts';
import { bodyOf, reasonBody } from '../body.ts';
import { idFilter, listQuery } from '../list-query.ts';
import { agentId } from '../parameters.ts';
import { notFound } from '../problems.ts';
import { listed, lookedUp } from '../read-answer.ts';
import { type Route, read, write } from '../route.ts';
import { agent, agentMessage } from '../schemas/agent.ts';
import { agentStatus, done, pageOf } from '../schemas/values.ts';
import { command, requestContext } from '../write-answer.ts';

const tag = 'agents';
const params = [agentId];

const does = {
  pause: 'Admit no more goals',
  resume: 'Admit goals again',
  drain: 'Finish its goals, then stop',
  stop: 'Stop now, and cancel its goals',
  restart: 'Bring one back that was suspended because it had failed',
} as const satisfies Record<(typeof agentVerbs)[number], string>;

export const agentRoutes: readonly Route[] = [
  write({
    path: '/v1/agents',
    operationId: 'spawnAgent',
    summary: 'Spawn an agent',
    tag,
    body: bodyOf(agentInput),
    responses: { 201: { description: 'It exists', schema: done } },
    answer: (call, services) =>
      command(spawnAgent(call.body, requestContext(call, services)), services, 201, '/v1/agents'),
  }),
  read({
    path: '/v1/agents',
    operationId: 'listAgents',
    summary: 'Agents, newest first',
    tag,
    query: listQuery({
      status: agentStatus.optional(),
      tag: z.string().min(1).max(64).optional(),
      name: z.string().min(1).max(100).optional().meta({ description: 'Whole, without case' }),
      parentId: idFilter('ag', 'its parent'),
    }),
    responses: { 200: { description: 'A page', schema: pageOf(agent, 'AgentPage') } },
    answer: ({ org, query: { limit, cursor, ...filter } }, { projections }) =>
      listed(projections.reads.agents.list(org, filter, { limit, cursor })),
  }),
  read({
    path: '/v1/agents/{id}',
    operationId: 'getAgent',
    summary: 'An agent',
    tag,
    params,
    responses: { 200: { description: 'The agent', schema: agent } },
    answer: ({ org, params: [id = ''] }, { projections }) =>
      lookedUp(projections.reads.agents.get(org, id), 'agent', id),
  }),
  write({
    method: 'PATCH',
    path: '/v1/agents/{id}',
    operationId: 'patchAgent',
    summary: 'Change its profile: the fields given, nothing else',
    tag,
    params,
    body: bodyOf(agentPatch),
    responses: { 200: { description: 'Changed', schema: done } },
    answer: (call, services) =>
      command(patchAgent(call.params[0] ?? '', call.body, requestContext(call, services)), services, 200),
  }),
  ...agentVerbs.map((verb) =>
    write({
      path: `/v1/agents/{id}/${verb}`,
      operationId: `${verb}Agent`,
      summary: does[verb],
      tag,
      params,
      body: reasonBody,
      responses: { 200: { description: 'Done', schema: done } },
      answer(call, services) {
        const [id = ''] = call.params;
        const context = requestContext(call, services);
        const found = services.projections.reads.agents.get(call.org, id);
        const suspension = verb === 'restart' && found.kind === 'found' ? found.view.suspension : undefined;
        // One that is suspended hears nothing itself: what watches over it lets it go on.
        const envelope = suspension ? resumeActor(suspension.id, context) : commandAgent(id, verb, call.body, context);
        return command(envelope, services, 200);
      },
    }),
  ),
  write({
    path: '/v1/agents/{id}/messages',
    operationId: 'messageAgent',
    summary: 'Put a message into its mailbox',
    tag,
    params,
    body: bodyOf(messageInput),
    responses: { 202: { description: 'It is in the mailbox', schema: done } },
    answer: (call, services) =>
      command(messageAgent(call.params[0] ?? '', call.body, requestContext(call, services)), services, 202),
  }),
  read({
    path: '/v1/agents/{id}/messages',
    operationId: 'listAgentMessages',
    summary: 'What came into its mailbox, newest first',
    tag,
    params,
    query: listQuery({}),
    responses: { 200: { description: 'A page', schema: pageOf(agentMessage, 'AgentMessagePage') } },
    answer({ org, params: [id = ''], query }, { projections }) {
      const page = projections.reads.agents.messages(org, id, query);
      if (!page) throw notFound(`agent ${id}`);
      return listed(page);
    },
  }),
];
