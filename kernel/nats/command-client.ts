import type { IdFormat } from '../address.ts';
import { shardOf } from '../address.ts';
import type { CommandClient } from '../edge.ts';
import type { Envelope, Reply } from '../envelope.ts';
import { AstraError } from '../errors.ts';
import { ask } from './ask.ts';
import { encodeCommand } from './command-message.ts';
import type { Wire } from './connection.ts';
import { gatewayOrg } from './names.ts';
import { Publisher } from './publisher.ts';
import { Replies } from './replies.ts';

export interface CommandClientOptions {
  readonly shards: number;
  /** The id formats of the actor types commands go to. */
  readonly ids: (actorType: string) => IdFormat | undefined;
  /** Unique to this process. */
  readonly client: string;
}

/** Commands of a gateway: onto the lanes, and their answers back. */
export class NatsCommandClient implements CommandClient {
  readonly #wire: Wire;
  readonly #options: CommandClientOptions;
  readonly #publisher: Publisher;
  readonly #replies: Replies;

  constructor(wire: Wire, options: CommandClientOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#publisher = new Publisher(wire);
    this.#replies = new Replies(wire, gatewayOrg, options.client);
  }

  get connected(): boolean {
    return this.#wire.connected();
  }

  async send(envelope: Envelope, timeoutMs: number): Promise<Reply> {
    const format = this.#options.ids(envelope.to.type);
    if (!format) throw new Error(`no actor type ${envelope.to.type}`);
    const shard = shardOf(envelope.to, format, this.#options.shards);
    const reply = await ask(this.#publisher, this.#replies, timeoutMs, (replyTo) =>
      encodeCommand(this.#wire.names, shard, { ...envelope, replyTo }),
    );
    if (Array.isArray(reply)) throw new AstraError('corrupt', 'internal', 'expected one answer, found several');
    return reply as Reply;
  }

  async close(): Promise<void> {
    this.#publisher.close();
    this.#replies.close();
    await this.#wire.nc.close();
  }
}
