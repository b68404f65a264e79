import type { Msg, Subscription } from '@nats-io/nats-core';
import type { Reply } from '../envelope.ts';
import { AstraError } from '../errors.ts';
import { repliesInFlightMax, sweepMs } from './bounds.ts';
import { jsonOf, type Wire } from './connection.ts';

interface Waiting {
  readonly resolve: (replies: Reply | readonly Reply[]) => void;
  readonly reject: (error: AstraError) => void;
  readonly deadlineMs: number;
}

/** Answers to commands: one subscription for all of them, each with its own deadline. */
export class Replies {
  readonly #prefix: string;
  readonly #waiting = new Map<string, Waiting>();
  readonly #subscription: Subscription;
  readonly #sweep: NodeJS.Timeout;
  #counter = 0;

  /** `org` is whose reply subjects are listened to. */
  constructor(wire: Wire, org: string, client: string) {
    this.#prefix = `${wire.names.root}.reply.${org}.${client}.`;
    this.#subscription = wire.hear(`${this.#prefix}*`, (message) => this.#heard(message));
    this.#sweep = setInterval(() => this.#expire(), sweepMs);
    this.#sweep.unref();
  }

  /** A subject to answer on, and the answer. Throws `overloaded`, and `indeterminate` / `outcome_unknown` past the deadline. */
  expect(timeoutMs: number): {
    readonly replyTo: string;
    readonly answer: Promise<Reply | readonly Reply[]>;
    readonly forget: () => void;
  } {
    if (this.#waiting.size >= repliesInFlightMax)
      throw new AstraError('overloaded', 'overloaded', 'too many commands wait for their answer', {
        retryAfterMs: 100,
      });
    const token = String(++this.#counter);
    const answer = new Promise<Reply | readonly Reply[]>((resolve, reject) => {
      this.#waiting.set(token, { resolve, reject, deadlineMs: performance.now() + timeoutMs });
    });
    // It may fail before anybody waits for it: while the command is still being sent.
    answer.catch(() => {});
    return { replyTo: this.#prefix + token, answer, forget: () => void this.#waiting.delete(token) };
  }

  #heard(message: Msg): void {
    const token = message.subject.slice(this.#prefix.length);
    const waiting = this.#waiting.get(token);
    const replies = waiting && readReplies(message);
    if (!replies) return;
    this.#waiting.delete(token);
    waiting.resolve(replies);
  }

  #expire(): void {
    const now = performance.now();
    for (const [token, { deadlineMs, reject }] of this.#waiting) {
      if (deadlineMs > now) continue;
      this.#waiting.delete(token);
      reject(
        new AstraError(
          'indeterminate',
          'outcome_unknown',
          'no answer came in time: repeat the request with the same key',
        ),
      );
    }
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#subscription.unsubscribe();
    for (const { reject } of this.#waiting.values())
      reject(new AstraError('indeterminate', 'outcome_unknown', 'the connection was closed before the answer came'));
    this.#waiting.clear();
  }
}

/** Undefined when it is no answer: a subject is open to more than those who answer. */
function readReplies(message: Msg): Reply | readonly Reply[] | undefined {
  const replies = jsonOf(message) as Reply | readonly Reply[] | undefined;
  return (Array.isArray(replies) ? replies.every(isReply) : isReply(replies)) ? replies : undefined;
}

const isReply = (value: unknown): boolean => typeof (value as Reply | null | undefined)?.ok === 'boolean';
