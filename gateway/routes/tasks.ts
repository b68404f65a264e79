import { z } from 'zod';
import { cancelTask, redriveTask } from '../../actors/index.ts';
import { bodyOf, reasonBody } from '../body.ts';
import { idFilter, listQuery, wordFilter } from '../list-query.ts';
import { taskIdParameter } from '../parameters.ts';
import { listed, lookedUp } from '../read-answer.ts';
import { type Route, read, stream, write } from '../route.ts';
import { task, taskOutput, timeline } from '../schemas/task.ts';
import { done, pageOf, taskStatus } from '../schemas/values.ts';
import { readOutput } from '../task-output.ts';
import { followOutput } from '../task-output-stream.ts';
import { command, requestContext } from '../write-answer.ts';

const tag = 'tasks';
const params = [taskIdParameter];

export const taskRoutes: readonly Route[] = [
  read({
    path: '/v1/tasks',
    operationId: 'listTasks',
    summary: 'Tasks, newest first',
    tag,
    query: listQuery({
      goalId: idFilter('gl', 'a goal'),
      agentId: idFilter('ag', 'an agent'),
      status: taskStatus.optional(),
      type: wordFilter,
      pool: wordFilter,
      workerId: idFilter('wk', 'a worker'),
    }),
    responses: { 200: { description: 'A page', schema: pageOf(task, 'TaskPage') } },
    answer: ({ org, query: { limit, cursor, ...filter } }, { projections }) =>
      listed(projections.reads.tasks.list(org, filter, { limit, cursor })),
  }),
  read({
    path: '/v1/tasks/{id}',
    operationId: 'getTask',
    summary: 'A task; one that does not run says what it waits for',
    tag,
    params,
    responses: { 200: { description: 'The task', schema: task } },
    answer: ({ org, params: [id = ''] }, { projections }) => lookedUp(projections.reads.tasks.get(org, id), 'task', id),
  }),
  write({
    path: '/v1/tasks/{id}/cancel',
    operationId: 'cancelTask',
    summary: 'End it, and what it runs',
    tag,
    params,
    body: reasonBody,
    responses: { 200: { description: 'Done', schema: done } },
    answer: (call, services) =>
      command(cancelTask(call.params[0] ?? '', call.body, requestContext(call, services)), services, 200),
  }),
  write({
    path: '/v1/tasks/{id}/redrive',
    operationId: 'redriveTask',
    summary: 'Run a dead letter again: the next run of it and of its goal begins',
    tag,
    params,
    body: bodyOf(z.strictObject({}), { isOptional: true }),
    responses: { 200: { description: 'Done', schema: done } },
    answer: (call, services) =>
      command(redriveTask(call.params[0] ?? '', requestContext(call, services)), services, 200),
  }),
  stream({
    path: '/v1/tasks/{id}/logs',
    operationId: 'getTaskOutput',
    summary: 'What it wrote to stdout and stderr',
    tag,
    params,
    query: z.strictObject({
      follow: z
        .enum(['true', 'false'])
        .transform((text) => text === 'true')
        .pipe(z.boolean())
        .default(false)
        .meta({ description: 'Server-Sent Events: pieces as they come, then `event: end` when the task has ended' }),
    }),
    responses: { 200: { description: 'The output', schema: taskOutput, alsoAs: 'text/event-stream' } },
    serve: (call, responder, services) =>
      call.query.follow ? followOutput(call, responder, services) : readOutput(call, responder, services),
  }),
  read({
    path: '/v1/tasks/{id}/timeline',
    operationId: 'getTaskTimeline',
    summary: 'Every transition with its time, worker, attempt, position and trace id',
    tag,
    params,
    responses: { 200: { description: 'Its transitions', schema: timeline } },
    answer: ({ org, params: [id = ''] }, { projections }) =>
      lookedUp(projections.reads.tasks.timeline(org, id), 'task', id),
  }),
];
