import type { Shard } from './brand.ts';
import type { Bus, ChannelMessage, LaneMessage, Subscription } from './bus.ts';
import { type ReadEnvelope, readEnvelope } from './codec.ts';
import { Inbox, type Load } from './inbox.ts';
import type { LanePosition } from './log.ts';
import type { Mailboxes } from './mailboxes.ts';
import { admitted, type WaitingMessage } from './refusal.ts';

/** An effect from another shard. */
export interface Effect {
  readonly from: Shard;
  readonly n: number;
  readonly sequence: number;
  readonly envelope: ReadEnvelope;
}

export interface IntakeParts {
  readonly shard: Shard;
  readonly bus: Pick<Bus, 'openLane' | 'openChannels'>;
  /** Set while it is not known whether the bus still is the one that was read: nothing is taken from it until then. */
  readonly gate: () => Promise<void> | undefined;
  readonly load: Load;
  /** What of the shard waits in mailboxes. */
  readonly mailboxes: () => Mailboxes;
  /** There is something to decide. */
  readonly arrived: () => void;
}

/**
 * What a shard takes from the bus: its lane and its channels, each into an inbox of its own, so that a lane that is held
 * back never holds back the effects of what was begun.
 */
export class Intake {
  readonly lane: Inbox<WaitingMessage>;
  readonly channels: Inbox<Effect>;
  readonly #parts: IntakeParts;
  #subscriptions: readonly Subscription[] = [];
  /** What a reader of an earlier opening still delivers is not for this one. */
  #opening = 0;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.lane = new Inbox(
      ({ entries }) => entries.length,
      ({ bytes }) => bytes,
      parts.load,
    );
    this.channels = new Inbox(
      () => 1,
      () => 0,
      parts.load,
    );
  }

  get isOpen(): boolean {
    return this.#subscriptions.length > 0;
  }

  /** Reads on behind `from`. Nothing is open when it throws. */
  async open(from: LanePosition): Promise<void> {
    const { shard, bus } = this.#parts;
    const opening = ++this.#opening;
    const opened: Subscription[] = [];
    try {
      opened.push(await bus.openLane(shard, from, (message) => this.#take(opening, this.lane, message, this.#admit)));
      opened.push(
        await bus.openChannels(shard, (message) => {
          const effect = readEffect(message);
          if (effect) return this.#take(opening, this.channels, effect, asItIs);
        }),
      );
    } catch (error) {
      if (opening === this.#opening) this.#drop();
      await stopAll(opened);
      throw error;
    }
    if (opening === this.#opening) this.#subscriptions = opened;
    else await stopAll(opened);
  }

  readonly #admit = (message: LaneMessage): WaitingMessage => admitted(message, this.lane, this.#parts.mailboxes());

  #take<M, T>(opening: number, inbox: Inbox<T>, message: M, admit: (message: M) => T): void | Promise<void> {
    if (opening !== this.#opening) return;
    const gate = this.#parts.gate();
    if (gate) return gate.then(() => this.#take(opening, inbox, message, admit));
    const room = inbox.push(admit(message));
    this.#parts.arrived();
    return room;
  }

  /** Drops what waits, and takes nothing more. */
  async close(): Promise<void> {
    const open = this.#subscriptions;
    this.#drop();
    await stopAll(open);
  }

  #drop(): void {
    this.#opening++;
    this.#subscriptions = [];
    this.lane.clear();
    this.channels.clear();
  }
}

/** A message that nobody can read is none: the one in its place is sent again, from the log. */
function readEffect({ from, n, sequence, envelope }: ChannelMessage): Effect | undefined {
  try {
    return { from, n, sequence, envelope: readEnvelope(envelope) };
  } catch {
    return undefined;
  }
}

const asItIs = (effect: Effect): Effect => effect;

const stopAll = (subscriptions: readonly Subscription[]): Promise<unknown> =>
  Promise.all(subscriptions.map((subscription) => subscription.stop().catch(() => {})));
