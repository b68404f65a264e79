import { z } from 'zod';
import { discardDeadLetter } from '../../actors/index.ts';
import { AstraError } from '../../kernel/errors.ts';
import { bodyOf } from '../body.ts';
import { redriveCountedMax, redriveMax } from '../bounds.ts';
import { idFilter, listQuery, wordFilter } from '../list-query.ts';
import { deadLetterId } from '../parameters.ts';
import { listed } from '../read-answer.ts';
import { redriveMatching, redriveOf } from '../redrive.ts';
import { type Route, read, write } from '../route.ts';
import { deadLetter, redriven } from '../schemas/dead-letter.ts';
import { done, pageOf } from '../schemas/values.ts';
import { command, requestContext } from '../write-answer.ts';

const tag = 'dead letters';
const params = [deadLetterId];

const filters = {
  kind: z.enum(['task', 'command', 'publication']).optional(),
  goalId: idFilter('gl', 'a goal'),
  agentId: idFilter('ag', 'an agent'),
  type: wordFilter,
  code: wordFilter,
};

const nothing = z.strictObject({});

export const deadLetterRoutes: readonly Route[] = [
  read({
    path: '/v1/dead-letters',
    operationId: 'listDeadLetters',
    summary: 'What could not be done, newest first',
    tag,
    query: listQuery(filters),
    responses: { 200: { description: 'A page', schema: pageOf(deadLetter, 'DeadLetterPage') } },
    answer: ({ org, query: { limit, cursor, ...filter } }, { projections }) =>
      listed(projections.reads.deadLetters.list(org, filter, { limit, cursor })),
  }),
  write({
    path: '/v1/dead-letters/redrive',
    operationId: 'redriveDeadLetters',
    summary: `Try again what matches, at most ${redriveMax} in a call; what is left is counted up to ${redriveCountedMax}. Takes no Idempotency-Key: a repeat goes on with what is left`,
    tag,
    refusesKey: 'every call redrives what matches by then, so no repeat could get the same answer',
    body: bodyOf(z.strictObject({ filter: z.strictObject(filters) })),
    responses: { 200: { description: 'How many were, and how many remain', schema: redriven } },
    async answer(call, services) {
      const { deadLetters } = services.projections.reads;
      const { position, ...body } = await redriveMatching(
        deadLetters,
        call.body.filter,
        requestContext(call, services),
        services.commands,
      );
      return { status: 200, body, ...(position === undefined ? {} : { position }) };
    },
  }),
  write({
    path: '/v1/dead-letters/{id}/redrive',
    operationId: 'redriveDeadLetter',
    summary: 'Try it again',
    tag,
    params,
    body: bodyOf(nothing, { isOptional: true }),
    responses: { 200: { description: 'It is on its way again', schema: done } },
    answer: (call, services) => command(redriveOf(call.params[0] ?? '', requestContext(call, services)), services, 200),
  }),
  write({
    method: 'DELETE',
    path: '/v1/dead-letters/{id}',
    operationId: 'discardDeadLetter',
    summary: 'Forget a command or publication that could not be processed',
    tag,
    params,
    responses: { 200: { description: 'Forgotten', schema: done } },
    answer(call, services) {
      const id = call.params[0] ?? '';
      if (id.includes('.'))
        throw new AstraError(
          'conflict',
          'invalid_transition',
          'expected a parked command or publication, found a task: redrive it, or leave it to its goal, whose history it is',
        );
      return command(discardDeadLetter(id, {}, requestContext(call, services)), services, 200);
    },
  }),
];
