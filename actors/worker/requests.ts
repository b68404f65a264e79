import type { Envelope } from '../../kernel/envelope.ts';
import type { ReasonInput } from '../input.ts';
import { commandFor, type RequestContext } from '../request.ts';

export const drainWorker = (id: string, input: ReasonInput, context: RequestContext): Envelope =>
  commandFor({ org: context.org, type: 'worker', id }, 'drain', { ...input }, context);
