import { cliPage } from './cli.ts';
import type { Page } from './markdown.ts';
import { natsPage } from './nats/page.ts';

/** Every generated page. */
export const generatedPages = async (): Promise<readonly Page[]> => [cliPage(), await natsPage()];
