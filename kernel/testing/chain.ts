import { type Epoch, micros, type Seq, seq } from '../brand.ts';
import { pack } from '../codec.ts';
import type { StoredEvent } from '../event.ts';
import { eventHash } from '../hash.ts';
import type { CommitPart, ShardRow } from '../log.ts';

/** What a test says about an event; the rest is made up. */
export type EventDraft = Partial<
  Pick<StoredEvent, 'org' | 'actorType' | 'actorKey' | 'version' | 'type' | 'schema' | 'at' | 'body'>
>;

/** A shard as its owner sees it: builds parts that follow each other, hashed and numbered as they have to be. */
export class Chain {
  row: ShardRow;

  constructor(row: ShardRow) {
    this.row = row;
  }

  /** The next part, without moving on: a part that was not written is built again. */
  part(drafts: readonly EventDraft[], changes: Partial<CommitPart> = {}): CommitPart {
    const { row } = this;
    const epoch: Epoch = changes.epoch ?? row.epoch;
    const previousSeq = changes.previousSeq ?? row.seq;
    const last = seq(previousSeq + drafts.length);
    let hash = row.hash;
    const events = drafts.map((draft, i): StoredEvent => {
      const event = {
        shard: row.shard,
        seq: seq(previousSeq + i + 1),
        epoch,
        commitSeq: last,
        org: 'default',
        actorType: 'thing',
        actorKey: Buffer.alloc(16, row.shard + 1),
        version: previousSeq + i + 1,
        type: 'ThingHappened',
        schema: 1,
        at: micros(1_700_000_000_000_000 + previousSeq + i),
        body: pack({ data: { n: previousSeq + i + 1 } }),
        ...draft,
      };
      hash = eventHash(hash, event);
      return { ...event, hash };
    });
    return {
      shard: row.shard,
      epoch,
      previousSeq,
      seq: last,
      hash,
      at: events.at(-1)?.at ?? row.at,
      lane: row.lane,
      sent: null,
      got: null,
      unconfirmedSeq: row.unconfirmedSeq,
      evtSeq: row.evtSeq,
      flushedSeq: row.flushedSeq,
      probation: null,
      events,
      commands: [],
      ...changes,
    };
  }

  /** The part was written. */
  landed(part: CommitPart): void {
    this.row = {
      ...this.row,
      epoch: part.epoch,
      seq: part.seq,
      hash: part.hash,
      at: part.at,
      lane: part.lane,
      sent: part.sent ?? this.row.sent,
      got: part.got ?? this.row.got,
      unconfirmedSeq: part.unconfirmedSeq,
      evtSeq: part.evtSeq,
      flushedSeq: part.flushedSeq,
      probation: part.probation,
    };
  }
}

/** `count` events of one actor. */
export const drafts = (count: number, draft: EventDraft = {}): EventDraft[] =>
  Array.from({ length: count }, () => ({ ...draft }));

/** Every event of pages. */
export async function collect(pages: AsyncIterable<readonly StoredEvent[]>): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const page of pages) events.push(...page);
  return events;
}

/** Only where it is: `<shard>:<seq>`. */
export const positions = (events: readonly { readonly shard: number; readonly seq: Seq }[]): string[] =>
  events.map((event) => `${event.shard}:${event.seq}`);
