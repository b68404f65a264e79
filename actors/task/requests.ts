import type { Envelope } from '../../kernel/envelope.ts';
import type { ReasonInput } from '../input.ts';
import { commandFor, type RequestContext } from '../request.ts';
import type { SignalInput } from './input.ts';

const taskAt = (id: string, { org }: RequestContext) => ({ org, type: 'task', id });

export const cancelTask = (id: string, input: ReasonInput, context: RequestContext): Envelope =>
  commandFor(taskAt(id, context), 'cancel', { ...input }, context);

export const redriveTask = (id: string, context: RequestContext): Envelope =>
  commandFor(taskAt(id, context), 'redrive', {}, context);

export const signalTask = (id: string, input: SignalInput, context: RequestContext): Envelope =>
  commandFor(
    taskAt(id, context),
    'signal',
    { name: input.name, ...(input.payload === undefined ? null : { payload: input.payload }) },
    context,
  );
