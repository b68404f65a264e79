import { AckPolicy, DeliverPolicy, type JetStreamManager, type JsMsg, jetstream } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { Generation } from '../brand.ts';
import type { Publication, Subscription } from '../bus.ts';
import { ingressAckWaitMs, ingressInFlightMax, ingressNakMs, readerRetryMs } from './bounds.ts';
import { allowedReply, header } from './command-message.ts';
import type { Wire } from './connection.ts';
import { isMissing } from './errors.ts';

const durable = 'forwarder';

/**
 * Publications from outside, in stream order; many at once, but one at a time for each key, so that one publisher's order
 * to one actor holds. Acked when `handle` resolves; what fails comes again after a while.
 */
export class Ingress implements Subscription {
  readonly #wire: Wire;
  readonly #jsm: JetStreamManager;
  readonly #generation: () => Generation;
  readonly #handle: (publication: Publication) => Promise<void>;
  readonly #onTrouble: (message: string, cause: unknown) => void;
  readonly #tails = new Map<string, Promise<void>>();
  #inFlight = 0;
  #stopped = false;
  #messages: { stop(): void } | undefined;
  #room: (() => void) | undefined;

  constructor(
    wire: Wire,
    jsm: JetStreamManager,
    generation: () => Generation,
    handle: (publication: Publication) => Promise<void>,
    onTrouble: (message: string, cause: unknown) => void,
  ) {
    this.#wire = wire;
    this.#jsm = jsm;
    this.#generation = generation;
    this.#handle = handle;
    this.#onTrouble = onTrouble;
  }

  start(): void {
    void this.#run();
  }

  async #run(): Promise<void> {
    const stream = this.#wire.names.in;
    while (!this.#stopped) {
      try {
        await this.#jsm.consumers.info(stream, durable).catch(async (error: unknown) => {
          if (!isMissing(error)) throw error;
          await this.#jsm.consumers.add(stream, {
            durable_name: durable,
            ack_policy: AckPolicy.Explicit,
            deliver_policy: DeliverPolicy.All,
            ack_wait: nanos(ingressAckWaitMs),
            max_ack_pending: ingressInFlightMax,
          });
        });
        const consumer = await jetstream(this.#wire.nc).consumers.get(stream, durable);
        const messages = await consumer.consume({ max_messages: ingressInFlightMax });
        this.#messages = messages;
        for await (const message of messages) {
          if (this.#stopped) return;
          this.#take(message);
          if (this.#inFlight >= ingressInFlightMax) await new Promise<void>((resolve) => (this.#room = resolve));
        }
      } catch (cause) {
        if (this.#stopped) return;
        this.#onTrouble('publications cannot be read: trying again', cause);
      }
      if (!this.#stopped) await new Promise((resolve) => setTimeout(resolve, readerRetryMs));
    }
  }

  #take(message: JsMsg): void {
    const [, , org = '', ...verb] = message.subject.split('.');
    const get = (name: string): string | undefined => message.headers?.get(name) || undefined;
    const idempotencyKey = get(header.idempotencyKey);
    const replyTo = allowedReply(this.#wire.names, get(header.replyTo), org);
    const traceparent = get(header.traceparent);
    const publication: Publication = {
      org,
      verb: verb.join('.'),
      contentType: get(header.contentType) ?? 'application/json',
      payload: message.data,
      generation: this.#generation(),
      sequence: message.info.streamSequence,
      redelivered: message.redelivered,
      ...(idempotencyKey === undefined ? null : { idempotencyKey }),
      ...(replyTo === undefined ? null : { replyTo }),
      ...(traceparent === undefined ? null : { traceparent }),
    };
    const key = `${org}/${verb.length > 2 ? verb.slice(2).join('.') : (idempotencyKey ?? message.info.streamSequence)}`;
    this.#inFlight++;
    const done = (this.#tails.get(key) ?? Promise.resolve())
      .then(() => this.#handle(publication))
      .then(
        () => message.ack(),
        (cause: unknown) => {
          this.#onTrouble('a publication could not be forwarded: it comes again', cause);
          message.nak(ingressNakMs);
        },
      )
      .finally(() => {
        this.#inFlight--;
        if (this.#tails.get(key) === done) this.#tails.delete(key);
        this.#room?.();
        this.#room = undefined;
      });
    this.#tails.set(key, done);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#messages?.stop();
    this.#room?.();
    await Promise.all(this.#tails.values());
  }
}
