import { jetstreamManager } from '@nats-io/jetstream';
import type { Head, Subscription } from '../bus.ts';
import type { CommitTail, LoggedCommit } from '../edge.ts';
import type { Json } from '../envelope.ts';
import { decodeCommit } from '../log-message.ts';
import { requestMs } from './bounds.ts';
import { jsonOf, type Wire } from './connection.ts';
import { listenHeads } from './nats-bus.ts';
import { Reader } from './reader.ts';

/**
 * What a gateway hears of commits: stream LOG from now on. After a loss of the connection it goes on where it was, as far
 * as the stream reaches; what is missing, the reader repairs from the log.
 */
export class NatsCommitTail implements CommitTail {
  readonly #wire: Wire;
  readonly #onTrouble: (message: string, cause: unknown) => void;

  constructor(wire: Wire, onTrouble: (message: string, cause: unknown) => void) {
    this.#wire = wire;
    this.#onTrouble = onTrouble;
  }

  async onCommit(deliver: (commit: LoggedCommit) => void): Promise<Subscription> {
    const jsm = await jetstreamManager(this.#wire.nc, { timeout: requestMs, checkAPI: false });
    const { names } = this.#wire;
    return Reader.openWhenPossible(this.#wire, jsm, {
      stream: names.log,
      filter: `${names.root}.log.*`,
      after: 'new',
      onTrouble: this.#onTrouble,
      deliver: ({ message }) => {
        let commit: LoggedCommit;
        try {
          commit = decodeCommit(message.data);
        } catch (cause) {
          this.#onTrouble('a message on LOG is not readable: the gap is repaired from the log', cause);
          return;
        }
        deliver(commit);
      },
    });
  }

  async onHeads(listener: (heads: readonly Head[]) => void): Promise<Subscription> {
    return listenHeads(this.#wire, listener);
  }

  async onStats(listener: (owner: string, stats: Json) => void): Promise<Subscription> {
    const subscription = this.#wire.hear(`${this.#wire.names.root}.stats.*`, (message) => {
      const stats = jsonOf(message);
      if (stats !== undefined) listener(message.subject.slice(message.subject.lastIndexOf('.') + 1), stats);
    });
    return { stop: async () => subscription.unsubscribe() };
  }

  onConnection(listener: (state: 'lost' | 'back') => void): void {
    this.#wire.onConnection(listener);
  }
}
