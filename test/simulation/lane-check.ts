import type { Shard } from '../../kernel/brand.ts';
import type { CommitPart } from '../../kernel/log.ts';
import type { MailboxCheck } from './mailbox-check.ts';
import type { Time } from './time.ts';
import type { Violate } from './violation.ts';

/** Behind the commit that moves a lane past a message, its answer is let out at once: this is more than enough. */
const answerMs = 2000;

interface Message {
  readonly sequence: number;
  readonly replyTo: string;
}

/**
 * A lane moves past a message only when that was decided (I3): whoever asked is answered behind that very commit, unless the
 * kernel was disturbed then.
 */
export class LaneCheck {
  readonly #time: Time;
  readonly #mailboxes: MailboxCheck;
  readonly #violate: Violate;
  readonly #lanes = new Map<Shard, Message[]>();
  readonly #answered = new Set<string>();
  #isForgotten = false;
  #disturbedMs = Number.NEGATIVE_INFINITY;
  #settlingMs = Number.NEGATIVE_INFINITY;

  constructor(time: Time, mailboxes: MailboxCheck, violate: Violate) {
    this.#time = time;
    this.#mailboxes = mailboxes;
    this.#violate = violate;
  }

  /** A message whose answer comes from the actor that it is for. */
  put(shard: Shard, sequence: number, replyTo: string): void {
    if (this.#isForgotten) return;
    const lane = this.#lanes.get(shard) ?? [];
    lane.push({ sequence, replyTo });
    this.#lanes.set(shard, lane);
  }

  /** What the bus has from here on, nobody's position speaks of until it is made anew. */
  forgot(): void {
    this.#lanes.clear();
    this.#isForgotten = true;
  }

  /** The bus is made anew. */
  recreated(): void {
    this.#lanes.clear();
    this.#isForgotten = false;
  }

  /** A kernel was killed, held or cut off: it may never answer for what it has committed. */
  disturbed(): void {
    this.#disturbedMs = this.#time.nowMs;
  }

  /** A kernel has still to find out what its commit has come to, and answers for it when it has: it says so more often than `answerMs`. */
  settling(): void {
    this.#settlingMs = this.#time.nowMs;
  }

  answered(subject: string): void {
    this.#answered.add(subject);
  }

  committed({ shard, lane }: CommitPart): void {
    const waiting = this.#lanes.get(shard);
    if (!waiting) return;
    for (let next = waiting[0]; next && next.sequence <= lane.sequence; next = waiting[0]) {
      waiting.shift();
      // Of what waits for its actor, the answer comes with another commit.
      if (!this.#mailboxes.keeps(shard)) this.#expect(shard, next);
    }
  }

  #expect(shard: Shard, message: Message, committedMs = this.#time.nowMs): void {
    this.#time.after(answerMs, () => {
      if (this.#answered.has(message.replyTo) || this.#disturbedMs >= committedMs - answerMs) return;
      if (this.#settlingMs >= this.#time.nowMs - answerMs) return this.#expect(shard, message, committedMs);
      const { sequence, replyTo } = message;
      this.#violate('I3', `the lane of shard ${shard} went past message ${sequence}, and nobody answered ${replyTo}`);
    });
  }
}
