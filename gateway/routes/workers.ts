import { drainWorker } from '../../actors/index.ts';
import { reasonBody } from '../body.ts';
import { listQuery, wordFilter } from '../list-query.ts';
import { workerId } from '../parameters.ts';
import { listed, lookedUp } from '../read-answer.ts';
import { type Route, read, write } from '../route.ts';
import { done, pageOf, workerStatus } from '../schemas/values.ts';
import { worker } from '../schemas/worker.ts';
import { command, requestContext } from '../write-answer.ts';

const tag = 'workers';
const params = [workerId];

export const workerRoutes: readonly Route[] = [
  read({
    path: '/v1/workers',
    operationId: 'listWorkers',
    summary: 'Workers, newest first',
    tag,
    query: listQuery({ status: workerStatus.optional(), pool: wordFilter }),
    responses: { 200: { description: 'A page', schema: pageOf(worker, 'WorkerPage') } },
    answer: ({ org, query: { limit, cursor, ...filter } }, { projections }) =>
      listed(projections.reads.workers.list(org, filter, { limit, cursor })),
  }),
  read({
    path: '/v1/workers/{id}',
    operationId: 'getWorker',
    summary: 'A worker',
    tag,
    params,
    responses: { 200: { description: 'The worker', schema: worker } },
    answer: ({ org, params: [id = ''] }, { projections }) =>
      lookedUp(projections.reads.workers.get(org, id), 'worker', id),
  }),
  write({
    path: '/v1/workers/{id}/drain',
    operationId: 'drainWorker',
    summary: 'Let it finish what it runs, then leave',
    tag,
    params,
    body: reasonBody,
    responses: { 200: { description: 'Done', schema: done } },
    answer: (call, services) =>
      command(drainWorker(call.params[0] ?? '', call.body, requestContext(call, services)), services, 200),
  }),
];
