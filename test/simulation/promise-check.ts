import { parsePosition, type Shard, shard } from '../../kernel/brand.ts';
import type { EventMessage, Head, WorkOffer } from '../../kernel/bus.ts';
import type { Reply } from '../../kernel/envelope.ts';
import { decodeCommit } from '../../kernel/log-message.ts';
import type { MemoryLog } from '../../kernel/memory/log.ts';
import type { LogCheck } from './log-check.ts';
import type { NetworkObserver } from './network.ts';
import { reveals } from './personal.ts';
import type { SimProcess } from './process.ts';
import type { StoryCheck } from './story-check.ts';
import type { Violate } from './violation.ts';

/** Whatever a kernel lets out is committed at that moment (I1). */
export class PromiseCheck implements NetworkObserver {
  readonly #log: MemoryLog;
  readonly #commits: LogCheck;
  readonly #story: StoryCheck;
  readonly #violate: Violate;
  /** Events that were published on EVT at least once. */
  readonly published = new Set<string>();
  /** Told of everything that was let out. */
  onSent: (name: string, args: readonly unknown[]) => void = () => {};
  /** Told of every answer. */
  onReply: (subject: string, reply: Reply | readonly Reply[]) => void = () => {};

  constructor(log: MemoryLog, commits: LogCheck, story: StoryCheck, violate: Violate) {
    this.#log = log;
    this.#commits = commits;
    this.#story = story;
    this.#violate = violate;
  }

  sent(process: SimProcess, name: string, args: readonly unknown[]): void {
    this.onSent(name, args);
    const early = (what: string): void => this.#violate('I1', `${process.name} ${what} before it was committed`);
    switch (name) {
      case 'reply':
        this.#replied(args[0] as string, args[1] as Reply | readonly Reply[], early);
        return;
      case 'sendLog':
        for (const { shard, seq, hash } of decodeCommit(args[1] as Uint8Array).events)
          if (!this.#log.all(shard)[seq - 1]?.hash.equals(hash)) early(`showed event ${shard}:${seq} on LOG`);
        return;
      case 'sendChannel': {
        const [to, from, n, envelope] = args as [Shard, Shard, number, Uint8Array];
        if (reveals(envelope))
          this.#violate('personal data', `${process.name} sent it in the clear from shard ${from}`);
        if (n > this.#commits.sentOf(from, to)) early(`sent effect ${n} from shard ${from} to ${to}`);
        return;
      }
      case 'sendWork':
        for (const { taskId, attempt } of JSON.parse(Buffer.from((args[0] as WorkOffer).payload).toString()))
          if (!this.#story.queued.has(`${taskId}:${attempt}`)) early(`offered attempt ${attempt} of ${taskId}`);
        return;
      case 'sendEvents':
        for (const { position } of JSON.parse(Buffer.from((args[0] as EventMessage).payload).toString())) {
          this.published.add(position);
          if (!this.#isCommitted(position)) early(`published event ${position}`);
        }
        return;
      case 'sendHeads':
        for (const { shard, seq, hash } of args[0] as readonly Head[])
          if (seq > 0 && this.#log.all(shard)[seq - 1]?.hash.toString('hex') !== hash)
            early(`announced head ${shard}:${seq}`);
    }
  }

  #replied(subject: string, answer: Reply | readonly Reply[], early: (what: string) => void): void {
    for (const reply of Array.isArray(answer) ? (answer as readonly Reply[]) : [answer as Reply])
      if (reply.ok && !this.#isCommitted(reply.position)) early(`answered ${subject} with position ${reply.position}`);
    this.onReply(subject, answer);
  }

  #isCommitted(position: string): boolean {
    const at = parsePosition(position);
    return at !== undefined && at.seq <= this.#commits.seqOf(shard(at.shard));
  }
}
