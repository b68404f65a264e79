import type { LaneEntry, LaneMessage } from './bus.ts';
import type { Envelope, Reply } from './envelope.ts';
import type { Problem } from './errors.ts';
import type { Unit } from './unit.ts';

/** How one entry of a batch is dealt with; `index` is its place. */
export interface EntryHandlers {
  readonly decide: (index: number, envelope: Envelope, answer: (reply: Reply) => void) => void | Promise<void>;
  readonly park: (
    index: number,
    entry: Extract<LaneEntry, { ok: false }>,
    answer: (reply: Reply) => void,
  ) => void | Promise<void>;
}

/** The entries of a message: each is decided, refused or parked alone; those of a batch are answered together. */
export async function decideEntries(unit: Unit, message: LaneMessage, { decide, park }: EntryHandlers): Promise<void> {
  const replies: (Reply | undefined)[] = message.entries.map(() => undefined);
  for (const [index, entry] of message.entries.entries()) {
    const own = entry.ok ? entry.envelope.replyTo : entry.replyTo;
    const answer =
      message.replyTo === undefined && own !== undefined
        ? (reply: Reply) => void unit.answers.push({ replyTo: own, reply })
        : (reply: Reply) => {
            replies[index] = reply;
          };
    const decided = entry.ok ? decide(index, entry.envelope, answer) : park(index, entry, answer);
    if (decided) await decided;
  }
  if (message.replyTo !== undefined)
    unit.answers.push({
      replyTo: message.replyTo,
      reply: replies.map((reply) => reply ?? { ok: false, problem: unanswered }),
    });
}

const unanswered: Problem = {
  kind: 'indeterminate',
  code: 'outcome_unknown',
  detail: 'the entry was handed on and is answered elsewhere',
};
