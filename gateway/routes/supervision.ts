import { z } from 'zod';
import { resumeActor } from '../../actors/index.ts';
import { bodyOf } from '../body.ts';
import { supervisionId } from '../parameters.ts';
import { type Route, write } from '../route.ts';
import { done } from '../schemas/values.ts';
import { command, requestContext } from '../write-answer.ts';

export const supervisionRoutes: readonly Route[] = [
  write({
    path: '/v1/supervision/{id}/resume',
    operationId: 'resumeActor',
    summary: 'Let an actor go on that was suspended because it had failed too often',
    tag: 'supervision',
    params: [supervisionId],
    body: bodyOf(z.strictObject({}), { isOptional: true }),
    responses: { 200: { description: 'It goes on', schema: done } },
    answer: (call, services) =>
      command(resumeActor(call.params[0] ?? '', requestContext(call, services)), services, 200),
  }),
];
