import { serveArtifact } from '../artifact-answer.ts';
import { sha256 } from '../parameters.ts';
import { type Route, stream } from '../route.ts';

const bytes = { mediaType: 'application/octet-stream' };

export const artifactRoutes: readonly Route[] = [
  stream({
    path: '/v1/artifacts/{sha256}',
    operationId: 'getArtifact',
    summary: 'The bytes of an artifact; `Range` asks for a part',
    tag: 'artifacts',
    params: [sha256],
    responses: {
      200: { description: 'All of it', ...bytes },
      206: { description: 'The range asked for', ...bytes },
    },
    serve: serveArtifact,
  }),
];
