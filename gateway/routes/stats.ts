import { type Route, read } from '../route.ts';
import { stats } from '../schemas/stats.ts';

export const statsRoutes: readonly Route[] = [
  read({
    path: '/v1/stats',
    operationId: 'getStats',
    summary: 'Counts, rates, latencies, queues and lag',
    tag: 'stats',
    responses: { 200: { description: 'As this gateway sees them now', schema: stats } },
    answer: ({ org }, { projections }) => ({ status: 200, body: projections.reads.stats(org) }),
  }),
];
