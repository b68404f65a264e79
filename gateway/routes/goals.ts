import { z } from 'zod';
import { commandGoal, goalInput, goalVerbs, submitGoal } from '../../actors/index.ts';
import { bodyOf, reasonBody } from '../body.ts';
import { goalBodyBytesMax } from '../bounds.ts';
import { checkGoal } from '../goal-check.ts';
import { idFilter, listQuery } from '../list-query.ts';
import { goalId } from '../parameters.ts';
import { listed, lookedUp } from '../read-answer.ts';
import { type Route, read, write } from '../route.ts';
import { describedGoalInput, goal, goalGraph, submittedGoal } from '../schemas/goal.ts';
import { done, goalStatus, pageOf } from '../schemas/values.ts';
import { command, requestContext } from '../write-answer.ts';

const tag = 'goals';
const params = [goalId];

const does = {
  cancel: 'End it, and what it runs',
  pause: 'Start no more of its tasks',
  resume: 'Go on',
  approve: 'Let it begin',
  reject: 'Refuse to let it begin: it is cancelled',
} as const satisfies Record<(typeof goalVerbs)[number], string>;

export const goalRoutes: readonly Route[] = [
  write({
    path: '/v1/goals',
    operationId: 'submitGoal',
    summary: 'Submit a goal',
    tag,
    body: bodyOf(goalInput, { describedBy: describedGoalInput, bytesMax: goalBodyBytesMax }),
    responses: { 201: { description: 'It exists, with its tasks', schema: submittedGoal } },
    async answer(call, services) {
      const envelope = submitGoal(call.body, requestContext(call, services));
      await checkGoal(call.body, envelope, services);
      return command(envelope, services, 201, '/v1/goals');
    },
  }),
  read({
    path: '/v1/goals',
    operationId: 'listGoals',
    summary: 'Goals, newest first',
    tag,
    query: listQuery({
      agentId: idFilter('ag', 'an agent'),
      status: goalStatus.optional(),
      label: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}:.{1,128}$/, 'expected key:value')
        .optional(),
    }),
    responses: { 200: { description: 'A page', schema: pageOf(goal, 'GoalPage') } },
    answer: ({ org, query: { limit, cursor, ...filter } }, { projections }) =>
      listed(projections.reads.goals.list(org, filter, { limit, cursor })),
  }),
  read({
    path: '/v1/goals/{id}',
    operationId: 'getGoal',
    summary: 'A goal, with its result once it has one',
    tag,
    params,
    responses: { 200: { description: 'The goal', schema: goal } },
    answer: ({ org, params: [id = ''] }, { projections }) => lookedUp(projections.reads.goals.get(org, id), 'goal', id),
  }),
  read({
    path: '/v1/goals/{id}/graph',
    operationId: 'getGoalGraph',
    summary: 'Its tasks and which depends on which',
    tag,
    params,
    responses: { 200: { description: 'The graph', schema: goalGraph } },
    answer: ({ org, params: [id = ''] }, { projections }) =>
      lookedUp(projections.reads.goals.graph(org, id), 'goal', id),
  }),
  ...goalVerbs.map((verb) =>
    write({
      path: `/v1/goals/{id}/${verb}`,
      operationId: `${verb}Goal`,
      summary: does[verb],
      tag,
      params,
      body: reasonBody,
      responses: { 200: { description: 'Done', schema: done } },
      answer: (call, services) =>
        command(commandGoal(call.params[0] ?? '', verb, call.body, requestContext(call, services)), services, 200),
    }),
  ),
];
