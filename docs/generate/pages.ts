import { boundsPage } from './bounds.ts';
import { cliPage } from './cli.ts';
import { errorsPage } from './errors/page.ts';
import { httpPage } from './http/page.ts';
import type { Page } from './markdown.ts';
import { natsPage } from './nats/page.ts';

/** Every generated page. */
export const generatedPages = async (): Promise<readonly Page[]> => [
  boundsPage(),
  cliPage(),
  errorsPage(),
  httpPage(),
  await natsPage(),
];
