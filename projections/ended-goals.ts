import { Heap } from '../kernel/heap.ts';
import { idTimeMs } from '../kernel/ids.ts';
import type { GoalRow } from './goal-row.ts';

interface Entry {
  readonly goal: GoalRow;
  readonly finishedAt: number;
  readonly run: number;
}

/** Ties are broken by place, so that every gateway lets the same goals go. */
const isBefore = (a: Entry, b: Entry): boolean =>
  (a.finishedAt - b.finishedAt || a.goal.shard - b.goal.shard || a.goal.seq - b.goal.seq) < 0;

/** Ended goals, the one that ended first on top. An entry of a goal that was reopened is skipped when its turn comes. */
export class EndedGoals {
  readonly #heap = new Heap(isBefore);
  #tasks = 0;
  #bytes = 0;

  /** Tasks of the goals that are ended now. */
  get tasks(): number {
    return this.#tasks;
  }

  get bytes(): number {
    return this.#bytes;
  }

  ended(goal: GoalRow): void {
    this.#tasks += goal.size;
    this.#bytes += goal.bytes;
    this.#heap.push({ goal, finishedAt: goal.finishedAt ?? goal.createdAt, run: goal.run });
  }

  /** A goal that had ended goes on, or is gone. */
  left(goal: GoalRow): void {
    this.#tasks -= goal.size;
    this.#bytes -= goal.bytes;
  }

  /** An ended goal has grown by an event that came late. */
  grew(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The goal that ended first, taken out. */
  takeFirst(): GoalRow | undefined {
    for (;;) {
      const first = this.#heap.pop();
      if (!first) return undefined;
      const { goal, run } = first;
      if (goal.ended && goal.run === run && !goal.gone) return goal;
    }
  }
}

/** By org: what has left memory, as far as it can be told from an id. */
export class LeftGoals {
  readonly #newestMs = new Map<string, number>();

  add(goal: GoalRow): void {
    this.#raise(goal.org, idTimeMs(goal.id) ?? 0);
  }

  /** What has left a shard's rebuilt state has left this one too. */
  adopt(rebuilt: LeftGoals): void {
    for (const [org, ms] of rebuilt.#newestMs) this.#raise(org, ms);
  }

  #raise(org: string, ms: number): void {
    const had = this.#newestMs.get(org);
    if (had === undefined || ms > had) this.#newestMs.set(org, ms);
  }

  /** Whether a goal of this id may have left: not when none has, or when its id was made later than any that did. */
  mayHold(org: string, goalId: string): boolean {
    const newest = this.#newestMs.get(org);
    if (newest === undefined) return false;
    try {
      const ms = idTimeMs(goalId);
      return ms === undefined || ms <= newest;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }
}
