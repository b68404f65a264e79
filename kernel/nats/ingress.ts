import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { Generation } from '../brand.ts';
import type { Publication, Subscription } from '../bus.ts';
import { publicationKey } from '../publication-key.ts';
import { ingressAckWaitMs, ingressInFlightMax, ingressNakMs, readerRetryMs } from './bounds.ts';
import { allowedReply, header } from './command-message.ts';
import type { Wire } from './connection.ts';
import { isMissing } from './errors.ts';
import { headersOf } from './header-block.ts';
import { generationOf } from './streams.ts';

const durable = 'forwarder';

/**
 * Publications from outside, in stream order; many at once, but one at a time for each key, so that one publisher's order
 * to one actor holds. Acked when `handle` resolves; what fails comes again after a while.
 */
export class Ingress implements Subscription {
  readonly #wire: Wire;
  readonly #jsm: JetStreamManager;
  readonly #handle: (publication: Publication) => Promise<void>;
  readonly #onTrouble: (message: string, cause: unknown) => void;
  readonly #tails = new Map<string, Promise<void>>();
  #inFlight = 0;
  #stopped = false;
  #messages: ConsumerMessages | undefined;
  #running: Promise<void> = Promise.resolve();
  #room: (() => void) | undefined;

  constructor(
    wire: Wire,
    jsm: JetStreamManager,
    handle: (publication: Publication) => Promise<void>,
    onTrouble: (message: string, cause: unknown) => void,
  ) {
    this.#wire = wire;
    this.#jsm = jsm;
    this.#handle = handle;
    this.#onTrouble = onTrouble;
  }

  start(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const stream = this.#wire.names.in;
    while (!this.#stopped) {
      try {
        const generation = await generationOf(this.#jsm, stream);
        if (generation === undefined) throw new Error(`stream ${stream} is not there`);
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
        // It ends when the stream is made anew: then the durable is, too.
        const messages = await consumer.consume({
          max_messages: ingressInFlightMax,
          abort_on_missing_resource: true,
        });
        this.#messages = messages;
        if (this.#stopped) await messages.close();
        for await (const message of messages) {
          // Handed out, but not begun: whoever is next need not wait for it.
          if (this.#stopped) message.nak();
          else this.#take(message, generation);
          if (this.#inFlight >= ingressInFlightMax && !this.#stopped)
            await new Promise<void>((resolve) => (this.#room = resolve));
        }
      } catch (cause) {
        if (this.#stopped) return;
        this.#onTrouble('publications cannot be read: trying again', cause);
      }
      if (!this.#stopped) await new Promise((resolve) => setTimeout(resolve, readerRetryMs));
    }
  }

  #take(message: JsMsg, generation: Generation): void {
    const [, , org = '', ...verb] = message.subject.split('.');
    const found = headersOf(message);
    const get = (name: string): string | undefined => found.get(name);
    const idempotencyKey = get(header.idempotencyKey);
    const replyTo = allowedReply(this.#wire.names, get(header.replyTo), org);
    const traceparent = get(header.traceparent);
    const publication: Publication = {
      org,
      verb: verb.join('.'),
      contentType: get(header.contentType) ?? 'application/json',
      payload: message.data,
      generation,
      sequence: message.info.streamSequence,
      redelivered: message.redelivered,
      ...(idempotencyKey === undefined ? null : { idempotencyKey }),
      ...(replyTo === undefined ? null : { replyTo }),
      ...(traceparent === undefined ? null : { traceparent }),
    };
    const key = publicationKey(publication);
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
      // Who cannot even say so hears of it again when its time is over.
      .catch((cause: unknown) => this.#onTrouble('a publication could not be acknowledged: it comes again', cause))
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
    this.#room?.();
    await this.#messages?.close();
    await this.#running;
    await Promise.all(this.#tails.values());
    // The server knows that nobody asks any more before anybody else does.
    if (this.#wire.connected()) await this.#wire.nc.flush().catch(() => {});
  }
}
