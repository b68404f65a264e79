import type { Head, Subscription } from '../../kernel/bus.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { CommandClient, CommitTail, LoggedCommit } from '../../kernel/edge.ts';
import type { Envelope, Json, Reply } from '../../kernel/envelope.ts';
import { AstraError } from '../../kernel/errors.ts';
import { decodeCommit } from '../../kernel/log-message.ts';
import type { MemoryBus } from '../../kernel/memory/bus.ts';
import type { Registry } from '../../kernel/registry.ts';

/** What a gateway hears of commits, from the bus in memory. */
export class MemoryTail implements CommitTail {
  readonly #bus: MemoryBus;
  #held: (() => void)[] | undefined;

  constructor(bus: MemoryBus) {
    this.#bus = bus;
  }

  /** From now on nothing is heard. */
  hold(): void {
    this.#held = [];
  }

  /** What was not heard is heard now, and what comes as it comes. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of held) deliver();
  }

  async onCommit(deliver: (commit: LoggedCommit) => void): Promise<Subscription> {
    return this.#bus.onLog((_shard, message) => this.#hear(() => deliver(decodeCommit(message))));
  }

  onHeads(listener: (heads: readonly Head[]) => void): Promise<Subscription> {
    return this.#bus.onHeads((heads) => this.#hear(() => listener(heads)));
  }

  async onStats(listener: (owner: string, stats: Json) => void): Promise<Subscription> {
    return this.#bus.onStats((owner, stats) => listener(owner, stats as Json));
  }

  onConnection(listener: (state: 'lost' | 'back') => void): void {
    this.#bus.onConnection(listener);
  }

  #hear(deliver: () => void): void {
    if (this.#held) this.#held.push(deliver);
    else deliver();
  }
}

/** Commands onto the lanes of the bus in memory, and their answers back. */
export class MemoryCommands implements CommandClient {
  readonly #bus: MemoryBus;
  readonly #clock: Clock;
  readonly #registry: Registry;
  readonly #shards: number;
  #sent = 0;

  constructor(bus: MemoryBus, clock: Clock, registry: Registry, shards: number) {
    this.#bus = bus;
    this.#clock = clock;
    this.#registry = registry;
    this.#shards = shards;
  }

  get connected(): boolean {
    return this.#bus.up;
  }

  async send(envelope: Envelope, timeoutMs: number): Promise<Reply> {
    const shard = this.#registry.shardOf(envelope.to, this.#shards);
    if (shard === undefined) throw new Error(`no actor type ${envelope.to.type}`);
    const replyTo = `astra.reply.memory.${++this.#sent}`;
    let cancel = () => {};
    const answer = new Promise<Reply>((resolve, reject) => {
      this.#bus.onReply(replyTo, (reply) => resolve(reply as Reply));
      cancel = this.#clock.after(timeoutMs, () =>
        reject(new AstraError('indeterminate', 'outcome_unknown', `no answer within ${timeoutMs} ms`)),
      );
    });
    try {
      await this.#bus.sendCommand(shard, { ...envelope, replyTo });
      return await answer;
    } finally {
      cancel();
    }
  }
}
