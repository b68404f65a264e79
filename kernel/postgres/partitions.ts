import type pg from 'pg';
import { segmentAheadEvents, segmentEvents } from './bounds.ts';

const dayUs = 86_400_000_000;

/** Partitions are made ahead of need, never inside a commit: a segment of `events`, a day of `commands`. */
export class Partitions {
  #segmentsUpTo = 0;
  #daysUpTo = 0;

  /** Whether something has to be made before these may be written. */
  needed(highestSeq: number, latestExpiryUs: number): boolean {
    return (
      highestSeq + segmentAheadEvents >= this.#segmentsUpTo * segmentEvents || latestExpiryUs >= this.#daysUpTo * dayUs
    );
  }

  async ensure(client: pg.ClientBase, highestSeq: number, latestExpiryUs: number): Promise<void> {
    const segments = Math.floor((highestSeq + segmentAheadEvents) / segmentEvents) + 1;
    for (let n = this.#segmentsUpTo; n <= segments; n++)
      await client.query(
        `create table if not exists events_${n} partition of events for values from (${n * segmentEvents}) to (${(n + 1) * segmentEvents})`,
      );
    this.#segmentsUpTo = segments + 1;
    if (latestExpiryUs === 0) return;
    const day = Math.floor(latestExpiryUs / dayUs);
    for (let n = Math.max(this.#daysUpTo, day - 1); n <= day + 1; n++)
      await client.query(
        `create table if not exists commands_${n} partition of commands for values from (${n * dayUs}) to (${(n + 1) * dayUs})`,
      );
    this.#daysUpTo = day + 2;
  }
}
