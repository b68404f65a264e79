import { plusMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CommandClient } from '../kernel/edge.ts';
import type { Envelope, Reply } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { commandsInFlightMax, commandTimeoutMs, retryAfterMs } from './bounds.ts';

/** The answer to a command that was carried out. */
export type Accepted = Extract<Reply, { readonly ok: true }>;

/** Commands on their way: bounded in number and in time. */
export class Commands {
  readonly #client: CommandClient;
  readonly #clock: Clock;
  #inFlight = 0;

  constructor(client: CommandClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get isConnected(): boolean {
    return this.#client.connected;
  }

  /**
   * Sends a command and waits for what its commit says. Throws the problem it is refused with, `overloaded` when too many
   * are on their way, `unavailable`, and `outcome_unknown` when no answer came in time.
   */
  async send(envelope: Envelope): Promise<Accepted> {
    if (this.#inFlight >= commandsInFlightMax)
      throw new AstraError(
        'overloaded',
        'overloaded',
        `${commandsInFlightMax} commands of this gateway wait for answers`,
        {
          retryAfterMs,
        },
      );
    this.#inFlight++;
    try {
      const deadline = plusMs(this.#clock.now(), commandTimeoutMs);
      const reply = await this.#client.send({ ...envelope, deadline }, commandTimeoutMs);
      if (!reply.ok) throw AstraError.fromProblem(reply.problem);
      return reply;
    } finally {
      this.#inFlight--;
    }
  }
}
