import { restartsMax, restartWindowMs } from '../../kernel/bounds.ts';
import type { ChildSupervision } from './events.ts';

/** How children are treated whose parent does not say: as all actors are. */
export const supervisionDefault: ChildSupervision = {
  policy: 'restart',
  maxRestarts: restartsMax,
  withinMs: restartWindowMs,
};
