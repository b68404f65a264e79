import { z } from 'zod';
import { messageBytesMax, namesMax } from '../bounds.ts';
import { json, line } from '../input.ts';

/** A signal to a running task. */
export const signalInput = z.strictObject({ name: line(namesMax), payload: json(messageBytesMax).optional() });
export type SignalInput = z.infer<typeof signalInput>;
