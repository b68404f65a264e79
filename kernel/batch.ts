import type { Epoch } from './brand.ts';
import { seq } from './brand.ts';
import type { StoredEvent } from './event.ts';
import { eventHash } from './hash.ts';
import type { CommitPart } from './log.ts';
import type { ShardRuntime } from './shard.ts';
import type { Unit } from './unit.ts';

/** Units of one shard, as a part of a group commit. */
export interface Part {
  readonly shard: ShardRuntime;
  readonly units: readonly Unit[];
  readonly part: CommitPart;
}

/**
 * Builds a shard's part: numbers are the units' own, epoch, commit seq and hashes are made here, behind what the shard
 * is committed up to. The same units may be built again, under another epoch or fewer at a time.
 */
export function buildPart(shard: ShardRuntime, units: readonly Unit[]): Part {
  const { committed } = shard;
  const epoch: Epoch = shard.epoch;
  const marks = (units.at(-1) as Unit).marks;
  let hash = committed.hash;
  const events: StoredEvent[] = [];
  for (const unit of units)
    for (const draft of unit.events) {
      const event = {
        shard: shard.shard,
        seq: draft.seq,
        epoch,
        commitSeq: marks.seq,
        org: draft.actor.org,
        actorType: draft.actor.type,
        actorKey: draft.actorKey,
        version: draft.version,
        type: draft.type,
        schema: draft.schema,
        at: draft.at,
        body: draft.body,
        hash,
      };
      hash = eventHash(hash, event);
      event.hash = hash;
      events.push(event);
    }
  return {
    shard,
    units,
    part: {
      shard: shard.shard,
      epoch,
      previousSeq: committed.seq,
      seq: marks.seq,
      hash,
      at: events.at(-1)?.at ?? committed.at,
      lane: marks.lane,
      sent: marks.sent === committed.sent ? null : marks.sent,
      got: marks.got === committed.got ? null : marks.got,
      unconfirmedSeq: shard.outgoing.least(firstUnsent(units, seq(marks.seq + 1))),
      evtSeq: shard.feed.published,
      flushedSeq: committed.flushedSeq,
      probation: shard.careful.mark(units),
      events,
      commands: units.flatMap(({ commands }) => commands),
    },
  };
}

/** The first event of these units that sends something: it is not among the unconfirmed yet. */
function firstUnsent(units: readonly Unit[], none: ReturnType<typeof seq>): ReturnType<typeof seq> {
  for (const { events } of units) for (const event of events) if (event.effects.length > 0) return event.seq;
  return none;
}
