import type { Reply } from '../envelope.ts';
import type { HeaderBlock } from './header-block.ts';
import { isUnacknowledged, type Publisher } from './publisher.ts';
import type { Replies } from './replies.ts';

export interface Question {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: HeaderBlock;
}

/**
 * Puts a message on a lane and waits for its answer, for `timeoutMs` in all. Throws what publishing throws when the message
 * was not sent. One that was sent may have arrived, whatever its acknowledgement: without an answer nobody knows.
 */
export async function ask(
  publisher: Publisher,
  replies: Replies,
  timeoutMs: number,
  question: (replyTo: string) => Question,
): Promise<Reply | readonly Reply[]> {
  const { replyTo, answer, forget } = replies.expect(timeoutMs);
  const { subject, payload, headers } = question(replyTo);
  const sent = publisher.publish(subject, payload, headers).catch((error: unknown) => {
    if (isUnacknowledged(error)) return;
    forget();
    throw error;
  });
  return Promise.race([answer, sent.then(() => answer)]);
}
