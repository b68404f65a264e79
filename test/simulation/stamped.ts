import type { Fact, Stamped } from '../../kernel/behavior.ts';
import type { EventRecord } from '../../kernel/event.ts';

/** A record as a fold sees it. */
export const stampedOf = ({ type, data, actor, version, seq, at }: EventRecord): Stamped<Fact> => ({
  type,
  data: data as object,
  actor,
  version,
  seq,
  at,
});
