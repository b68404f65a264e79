import type { Envelope } from '../../kernel/envelope.ts';
import type { ReasonInput } from '../input.ts';
import { commandFor, type RequestContext } from '../request.ts';

const deadLetterAt = (id: string, { org }: RequestContext) => ({ org, type: 'dead-letter', id });

export const redriveDeadLetter = (id: string, context: RequestContext): Envelope =>
  commandFor(deadLetterAt(id, context), 'redrive', {}, context);

export const discardDeadLetter = (id: string, input: ReasonInput, context: RequestContext): Envelope =>
  commandFor(deadLetterAt(id, context), 'discard', { ...input }, context);
