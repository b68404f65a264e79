import type { Msg, Subscription } from '@nats-io/nats-core';
import { AstraError } from '../errors.ts';
import { pubAckMs, publishesInFlightMax, sweepMs } from './bounds.ts';
import { jsonOf, type Wire } from './connection.ts';
import { natsError } from './errors.ts';
import type { HeaderBlock } from './header-block.ts';

interface Pending {
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: AstraError) => void;
  readonly deadlineMs: number;
}

let publishers = 0;

/**
 * JetStream publishes with their PubAcks, many in flight at once: one subscription hears all the acknowledgements, and
 * order on the wire is the order of calls.
 */
export class Publisher {
  readonly #wire: Wire;
  readonly #subscription: Subscription;
  readonly #prefix: string;
  readonly #pending = new Map<string, Pending>();
  readonly #sweep: NodeJS.Timeout;
  readonly #unlisten: () => void;
  #counter = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#prefix = `${wire.inbox}.ack${++publishers}.`;
    this.#subscription = wire.hear(`${this.#prefix}*`, (message) => this.#acked(message));
    this.#sweep = setInterval(() => this.#expire(), sweepMs);
    this.#sweep.unref();
    this.#unlisten = wire.onConnection((state) => {
      if (state === 'lost') this.#failAll('the connection to NATS was lost before the message was acknowledged');
    });
  }

  /**
   * Resolves with the stream's sequence once the message is stored. Throws `unavailable`, `overloaded` or `rejected`;
   * {@link isUnacknowledged} tells when it may have been stored all the same.
   */
  publish(subject: string, payload: Uint8Array, headers?: HeaderBlock): Promise<number> {
    if (!this.#wire.connected())
      return Promise.reject(new AstraError('unavailable', 'bus_unavailable', 'there is no connection to NATS'));
    if (this.#pending.size >= publishesInFlightMax)
      return Promise.reject(
        new AstraError('overloaded', 'bus_overloaded', 'too many messages wait for their acknowledgement', {
          retryAfterMs: 100,
        }),
      );
    const token = String(++this.#counter);
    return new Promise((resolve, reject) => {
      this.#pending.set(token, { resolve, reject, deadlineMs: performance.now() + pubAckMs });
      try {
        this.#wire.nc.publish(subject, payload, {
          reply: this.#prefix + token,
          ...(headers ? { headers: headers.outgoing } : {}),
        });
      } catch (error) {
        this.#pending.delete(token);
        reject(natsError(error));
      }
    });
  }

  #acked(message: Msg): void {
    const token = message.subject.slice(this.#prefix.length);
    const pending = this.#pending.get(token);
    if (!pending) return;
    this.#pending.delete(token);
    if (message.data.length === 0 && message.headers?.code === 503) {
      pending.reject(new AstraError('unavailable', 'bus_unavailable', 'no stream takes the message'));
      return;
    }
    const ack = jsonOf(message) as { seq?: number; error?: { description?: string } } | null | undefined;
    if (ack?.error || ack?.seq === undefined)
      pending.reject(natsError(new Error(ack?.error?.description ?? 'no acknowledgement')));
    else pending.resolve(ack.seq);
  }

  #expire(): void {
    const now = performance.now();
    for (const [token, { deadlineMs, reject }] of this.#pending) {
      // Deadlines are in order of calls.
      if (deadlineMs > now) return;
      this.#pending.delete(token);
      reject(unacknowledged(`the message was not acknowledged within ${pubAckMs} ms`));
    }
  }

  #failAll(reason: string): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of all) reject(unacknowledged(reason));
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#unlisten();
    this.#failAll('the connection to NATS is closed');
    this.#subscription.unsubscribe();
  }
}

const unacknowledged = (detail: string): AstraError => new AstraError('unavailable', 'publish_unacknowledged', detail);

/** Whether the message was sent, and only its acknowledgement is missing. */
export const isUnacknowledged = (error: unknown): boolean =>
  error instanceof AstraError && error.code === 'publish_unacknowledged';
