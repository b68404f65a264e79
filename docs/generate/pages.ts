import { cliPage } from './cli.ts';
import { errorsPage } from './errors/page.ts';
import type { Page } from './markdown.ts';
import { natsPage } from './nats/page.ts';

/** Every generated page. */
export const generatedPages = async (): Promise<readonly Page[]> => [cliPage(), errorsPage(), await natsPage()];
