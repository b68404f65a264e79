import { z } from 'zod';
import { messageBytesMax, namesMax, sentBytesMax, sentMessagesMax } from '../bounds.ts';
import { idOfType, json, line } from '../input.ts';

/** A signal to a running task. */
export const signalInput = z.strictObject({ name: line(namesMax), payload: json(messageBytesMax).optional() });
export type SignalInput = z.infer<typeof signalInput>;

/** Messages of an attempt, to agents of its org. */
export const sentMessages = z
  .array(
    z.strictObject({
      to: idOfType('ag', 'an agent'),
      type: line(namesMax),
      payload: json(sentBytesMax).default(null),
    }),
  )
  .max(sentMessagesMax, `expected at most ${sentMessagesMax} messages of one attempt`);
