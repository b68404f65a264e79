import { docsPolicy } from '../docs-page.ts';
import { type Route, stream } from '../route.ts';
import { health, readiness } from '../schemas/system.ts';

const tag = 'system';

/** What operators and tools ask; `description` is the OpenAPI document as text, `page` the same for people. */
export const systemRoutes = (description: () => string, page: () => string): readonly Route[] => [
  stream({
    path: '/healthz',
    operationId: 'getHealth',
    summary: 'Whether the process is alive',
    tag,
    scope: 'open',
    responses: { 200: { description: 'It is', schema: health } },
    serve: (_call, responder) => responder.answer({ status: 200, body: { status: 'ok' } }),
  }),
  stream({
    path: '/readyz',
    operationId: 'getReadiness',
    summary: 'Whether it can serve: each check by name; reads go on without Postgres and NATS',
    tag,
    scope: 'open',
    responses: {
      200: { description: 'It can', schema: readiness },
      503: { description: 'It cannot, or in part: the reasons', schema: readiness },
    },
    serve(_call, responder, services) {
      const view = services.readiness.view();
      responder.answer({ status: view.ready ? 200 : 503, body: view });
    },
  }),
  stream({
    path: '/metrics',
    operationId: 'getMetrics',
    summary: 'Prometheus metrics of this gateway',
    tag,
    scope: 'admin',
    responses: { 200: { description: 'Text format', mediaType: 'text/plain' } },
    async serve(_call, responder, { metrics }) {
      responder.text(200, metrics.mediaType, await metrics.text());
    },
  }),
  stream({
    path: '/openapi.json',
    operationId: 'getDescription',
    summary: 'This description',
    tag,
    scope: 'open',
    responses: { 200: { description: 'An OpenAPI 3.1 document', mediaType: 'application/json' } },
    serve: (_call, responder) => responder.text(200, 'application/json', description()),
  }),
  stream({
    path: '/docs',
    operationId: 'getDocs',
    summary: 'This description as a page',
    tag,
    scope: 'open',
    responses: { 200: { description: 'A page without scripts', mediaType: 'text/html' } },
    serve: (_call, responder) => responder.text(200, 'text/html; charset=utf-8', page(), docsPolicy),
  }),
];
