import { type Description, docsPage } from '../docs-page.ts';
import { describe } from '../openapi.ts';
import type { Route } from '../route.ts';
import { agentRoutes } from './agents.ts';
import { artifactRoutes } from './artifacts.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { goalRoutes } from './goals.ts';
import { statsRoutes } from './stats.ts';
import { supervisionRoutes } from './supervision.ts';
import { systemRoutes } from './system.ts';
import { taskRoutes } from './tasks.ts';
import { workerRoutes } from './workers.ts';

let description: string | undefined;
let page: string | undefined;

/** Every route of the gateway. */
export const routes: readonly Route[] = [
  ...agentRoutes,
  ...goalRoutes,
  ...taskRoutes,
  ...workerRoutes,
  ...deadLetterRoutes,
  ...supervisionRoutes,
  ...artifactRoutes,
  ...statsRoutes,
  ...systemRoutes(
    () => {
      description ??= JSON.stringify(openApi());
      return description;
    },
    () => {
      page ??= docsPage(openApi() as Description);
      return page;
    },
  ),
];

/** The OpenAPI document of this interface, made from the routes that serve it. */
export const openApi = (): object => describe(routes);
