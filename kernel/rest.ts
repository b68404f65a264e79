import {
  busySnapshotEventsMin,
  idleActorMs,
  restAheadMs,
  restMs,
  snapshotAfterMs,
  snapshotEventsMin,
  snapshotTailEvents,
} from './bounds.ts';
import { type Micros, plusMs } from './brand.ts';
import type { Live } from './live.ts';
import { dueOf } from './snapshot.ts';

/** What is to become of a head: it stays in memory, leaves it, is written and stays, or its snapshot goes first. */
export type Rest = 'stay' | 'leave' | 'write' | 'forget';

export interface Moment {
  /** Up to here the shard is committed. */
  readonly committed: number;
  readonly now: Micros;
  readonly monotonicMs: number;
  /** There are more heads in memory than the shard should keep. */
  readonly isCrowded: boolean;
}

/**
 *   open (work, or a timer)   written when its events have waited for long enough; leaves once all of them are in its snapshot
 *                             and nothing of it is due soon
 *   idle                      written when folding its events would be long, or its snapshot says that it is due; leaves when
 *                             it was not used for long, or, in a crowd, for a while
 *   ended (a family)          leaves after a while, behind its snapshot
 *
 * Nobody leaves who is not wholly committed: it would come back as it was before.
 */
export function restOf(head: Live, { committed, now, monotonicMs, isCrowded }: Moment): Rest {
  const isCommitted = head.lastSeq <= committed;
  const quietMs = monotonicMs - head.usedAt;
  if (!head.exists) return isCommitted && quietMs > restMs ? 'leave' : 'stay';
  if (head.idle) {
    if (head.members) {
      if (!isCommitted || quietMs <= restMs) return 'stay';
      return head.kept ? 'forget' : 'leave';
    }
    const unkept = head.unkeptSeq === 0 ? 0 : head.version - (head.kept?.version ?? 0);
    if (unkept >= busySnapshotEventsMin) return 'write';
    if (quietMs <= (isCrowded ? restMs : idleActorMs)) return 'stay';
    if (unkept >= snapshotEventsMin || (head.kept?.due && head.unkeptSeq > 0)) return 'write';
    return isCommitted ? 'leave' : 'stay';
  }
  if (head.unkeptSeq > 0) {
    const waitMs = isCrowded ? restMs : snapshotAfterMs;
    const isLongAgo = monotonicMs - head.unkeptSinceMs > waitMs || committed - head.unkeptSeq > snapshotTailEvents;
    return isLongAgo ? 'write' : 'stay';
  }
  if (!isCommitted || quietMs <= restMs) return 'stay';
  const due = dueOf(head, now);
  return due === null || due > plusMs(now, restAheadMs) ? 'leave' : 'stay';
}
