import type { Envelope } from '../kernel/envelope.ts';
import { supervisionType } from '../kernel/supervision.ts';
import { commandFor, type RequestContext } from './request.ts';

/** An actor that was suspended goes on; `id` is that of what watches over it. */
export const resumeActor = (id: string, context: RequestContext): Envelope =>
  commandFor({ org: context.org, type: supervisionType, id }, 'resume', {}, context);
