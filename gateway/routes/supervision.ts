import { z } from 'zod';
import { resumeActor } from '../../actors/index.ts';
import { bodyOf } from '../body.ts';
import { listQuery } from '../list-query.ts';
import { supervisionId } from '../parameters.ts';
import { listed, lookedUp } from '../read-answer.ts';
import { type Route, read, write } from '../route.ts';
import { heldActor, heldStatus } from '../schemas/held-actor.ts';
import { done, pageOf } from '../schemas/values.ts';
import { command, requestContext } from '../write-answer.ts';

const tag = 'supervision';
const params = [supervisionId];

export const supervisionRoutes: readonly Route[] = [
  read({
    path: '/v1/supervision',
    operationId: 'listHeldActors',
    summary: 'Actors that have failed and are held back, newest first',
    tag,
    query: listQuery({
      status: heldStatus.optional(),
      type: z
        .string()
        .regex(/^[a-z-]{1,64}$/)
        .optional()
        .meta({ description: 'Of the actor: agent, goal, task …' }),
    }),
    responses: { 200: { description: 'A page', schema: pageOf(heldActor, 'HeldActorPage') } },
    answer: ({ org, query: { limit, cursor, ...filter } }, { projections }) =>
      listed(projections.reads.heldActors.list(org, filter, { limit, cursor })),
  }),
  read({
    path: '/v1/supervision/{id}',
    operationId: 'getHeldActor',
    summary: 'An actor that is held back; 404 once it goes on',
    tag,
    params,
    responses: { 200: { description: 'It is held back', schema: heldActor } },
    answer: ({ org, params: [id = ''] }, { projections }) =>
      lookedUp(projections.reads.heldActors.get(org, id), 'held-back actor', id),
  }),
  write({
    path: '/v1/supervision/{id}/resume',
    operationId: 'resumeActor',
    summary: 'Let an actor go on that was suspended because it had failed too often',
    tag,
    params,
    body: bodyOf(z.strictObject({}), { isOptional: true }),
    responses: { 200: { description: 'It goes on', schema: done } },
    answer: (call, services) =>
      command(resumeActor(call.params[0] ?? '', requestContext(call, services)), services, 200),
  }),
];
