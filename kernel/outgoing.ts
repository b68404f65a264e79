import { channelResendMs } from './bounds.ts';
import { type Seq, type Shard, seq } from './brand.ts';
import type { Bus } from './bus.ts';
import type { Clock } from './clock.ts';
import { sealedEffects } from './codec.ts';
import type { StoredEvent } from './event.ts';
import type { Log } from './log.ts';

/**
 * The sending side of a shard's channels (I4). What is recorded and not yet confirmed by its receiver's row is kept by
 * number; when a channel makes no progress for a while, everything unconfirmed on it is read from the log and sent
 * again. The receiver takes each number once, so sending too often is harmless and sending too rarely only costs time.
 * The channel to the shard itself never leaves the process: it is kept here for `least` alone.
 */
export class Outgoing {
  readonly #shard: Shard;
  readonly #bus: Pick<Bus, 'sendChannel'>;
  readonly #log: Pick<Log, 'read'>;
  readonly #clock: Clock;
  readonly #channels = new Map<Shard, Channel>();
  #size = 0;
  #resending = false;

  constructor(shard: Shard, bus: Pick<Bus, 'sendChannel'>, log: Pick<Log, 'read'>, clock: Clock) {
    this.#shard = shard;
    this.#bus = bus;
    this.#log = log;
    this.#clock = clock;
  }

  /** Effects to other shards without confirmation. */
  get size(): number {
    return this.#size;
  }

  /** The least seq with an unconfirmed effect; `none` when there is none. */
  least(none: Seq): Seq {
    let least = Number.POSITIVE_INFINITY;
    for (const channel of this.#channels.values()) {
      const first = channel.pending[channel.head];
      if (first && first.seq < least) least = first.seq;
    }
    return least === Number.POSITIVE_INFINITY ? none : seq(least);
  }

  /** Receivers that have not confirmed everything. */
  *waiting(): Generator<Shard> {
    for (const [to, channel] of this.#channels)
      if (to !== this.#shard && channel.head < channel.pending.length) yield to;
  }

  /** An effect was committed; the first sending of it follows. */
  add(to: Shard, n: number, at: Seq): void {
    let channel = this.#channels.get(to);
    if (!channel) {
      channel = { pending: [], head: 0, progressMs: this.#clock.monotonicMs() };
      this.#channels.set(to, channel);
    }
    if (channel.head === channel.pending.length) channel.progressMs = this.#clock.monotonicMs();
    channel.pending.push({ n, seq: at });
    if (to !== this.#shard) this.#size++;
  }

  /** The receiver's row says that it has taken everything up to `got`. */
  confirm(to: Shard, got: number): void {
    const channel = this.#channels.get(to);
    if (!channel) return;
    const before = channel.head;
    for (let next = channel.pending[channel.head]; next && next.n <= got; next = channel.pending[channel.head])
      channel.head++;
    if (channel.head === before) return;
    if (to !== this.#shard) this.#size -= channel.head - before;
    channel.progressMs = this.#clock.monotonicMs();
    if (channel.head > 1024 || channel.head === channel.pending.length) {
      channel.pending = channel.pending.slice(channel.head);
      channel.head = 0;
    }
  }

  send(to: Shard, n: number, bytes: Uint8Array): void {
    // A failed sending is made up for by the next look: the channel makes no progress then.
    this.#bus.sendChannel(to, this.#shard, n, bytes).catch(() => {});
  }

  /** Sends again what makes no progress (all of it, when the bus forgot), a page of the log at a time. Throws what the log throws. */
  async look(all = false): Promise<void> {
    if (this.#resending) return;
    const now = this.#clock.monotonicMs();
    const stuck = new Map<Shard, number>();
    let from = Number.POSITIVE_INFINITY;
    for (const [to, channel] of this.#channels) {
      const first = channel.pending[channel.head];
      if (to === this.#shard || !first || (!all && now - channel.progressMs < channelResendMs)) continue;
      channel.progressMs = now;
      stuck.set(to, first.n);
      from = Math.min(from, first.seq);
    }
    if (stuck.size === 0) return;
    this.#resending = true;
    try {
      for await (const page of this.#log.read(this.#shard, seq(from - 1)))
        if (!(await this.#resend(page, stuck))) return;
    } finally {
      this.#resending = false;
    }
  }

  /** False when the bus does not take them. */
  async #resend(page: readonly StoredEvent[], stuck: ReadonlyMap<Shard, number>): Promise<boolean> {
    const sent: Promise<void>[] = [];
    for (const stored of page) {
      if (!stored.body.includes('effects')) continue;
      for (const { to, n, bytes } of sealedEffects(stored)) {
        const least = stuck.get(to as Shard);
        if (least !== undefined && n >= least) sent.push(this.#bus.sendChannel(to as Shard, this.#shard, n, bytes));
      }
    }
    return (await Promise.allSettled(sent)).every(({ status }) => status === 'fulfilled');
  }
}

interface Channel {
  pending: { readonly n: number; readonly seq: Seq }[];
  head: number;
  /** Monotonic milliseconds of the last confirmation, sending or beginning. */
  progressMs: number;
}
