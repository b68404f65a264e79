import type { Subscription } from '../bus.ts';
import type { Json, Reply } from '../envelope.ts';
import { header } from './command-message.ts';
import { jsonOf, type Wire } from './connection.ts';
import { HeaderBlock } from './header-block.ts';
import { Publisher } from './publisher.ts';
import { Replies } from './replies.ts';

export interface PublishOptions {
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
}

/** A program that publishes into Astra (docs/nats.md, "Publishing in"). */
export class InPublisher {
  readonly #wire: Wire;
  readonly #org: string;
  readonly #publisher: Publisher;
  readonly #replies: Replies;

  constructor(wire: Wire, org: string, client: string) {
    this.#wire = wire;
    this.#org = org;
    this.#publisher = new Publisher(wire);
    this.#replies = new Replies(wire, org, client);
  }

  /** Resolves once the publication is queued; its reply, which comes after the commit, is `reply`. */
  async publish(
    verb: string,
    body: Json,
    timeoutMs: number,
    options: PublishOptions = {},
  ): Promise<{ readonly sequence: number; readonly reply: Promise<Reply> }> {
    const { replyTo, answer, forget } = this.#replies.expect(timeoutMs);
    const h = new HeaderBlock();
    h.set(header.replyTo, replyTo);
    if (options.idempotencyKey !== undefined) h.set(header.idempotencyKey, options.idempotencyKey);
    if (options.traceparent !== undefined) h.set(header.traceparent, options.traceparent);
    try {
      const sequence = await this.#publisher.publish(
        `${this.#wire.names.root}.in.${this.#org}.${verb}`,
        Buffer.from(JSON.stringify(body)),
        h,
      );
      return { sequence, reply: answer as Promise<Reply> };
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Hears the events of one actor on EVT, from now on: lists in JSON (docs/nats.md, "Listening out"). */
  onEvents(actorType: string, actorId: string, listener: (events: readonly Json[]) => void): Subscription {
    const subject = `${this.#wire.names.root}.evt.${this.#org}.${actorType}.${actorId}`;
    const subscription = this.#wire.hear(subject, (message) => {
      const events = jsonOf(message);
      if (Array.isArray(events)) listener(events);
    });
    return { stop: async () => subscription.unsubscribe() };
  }

  async close(): Promise<void> {
    this.#publisher.close();
    this.#replies.close();
    await this.#wire.nc.close();
  }
}
