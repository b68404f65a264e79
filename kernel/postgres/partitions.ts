import type { CommitPart } from '../log.ts';
import { segmentAheadEvents, segmentEvents } from './bounds.ts';
import type { Queryable } from './dictionary.ts';

const dayUs = 86_400_000_000;

/**
 * Segments of `events` and days of `commands`, made ahead of need and never inside a commit: when a shard comes near the
 * end of its segment the next one is made in the background, and only what would go into it waits.
 */
export class Partitions {
  readonly #through: Queryable;
  readonly #made = new Set<string>();
  readonly #making = new Map<string, Promise<void>>();

  constructor(through: Queryable) {
    this.#through = through;
  }

  /** Returns when these parts have somewhere to go. */
  async ready(parts: readonly CommitPart[]): Promise<void> {
    for (const { previousSeq, seq, commands } of parts) {
      for (let n = segmentOf(previousSeq + 1); n <= segmentOf(seq); n++)
        if (!this.#made.has(`segment ${n}`)) await this.#segment(n);
      const next = segmentOf(seq + segmentAheadEvents);
      // What fails here is made when it is needed, and fails where somebody sees it.
      if (!this.#made.has(`segment ${next}`)) this.#segment(next).catch(() => {});
      for (const { expiresAt } of commands) {
        const day = Math.floor(expiresAt / dayUs);
        if (!this.#made.has(`day ${day}`)) await this.#day(day);
      }
    }
  }

  /** What was made may be gone: makes it again when it is next needed. */
  forget(): void {
    this.#made.clear();
  }

  /** Returns when nothing is being made. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#making.values());
  }

  #segment(n: number): Promise<void> {
    return this.#make(`segment ${n}`, 'select make_events_segment($1)', n);
  }

  async #day(n: number): Promise<void> {
    await this.#make(`day ${n}`, 'select make_commands_day($1)', n);
    // Once a day, with the first command that lives longer than all before it. If it fails, tomorrow's goes on.
    if (!this.#making.has('drop')) this.#make('drop', 'select drop_expired_commands()').catch(() => {});
  }

  #make(what: string, text: string, ...values: number[]): Promise<void> {
    const running = this.#making.get(what);
    if (running) return running;
    const made = this.#through
      .rows(text, values)
      .then(() => void this.#made.add(what))
      .finally(() => this.#making.delete(what));
    this.#making.set(what, made);
    return made;
  }
}

const segmentOf = (seq: number): number => Math.floor(seq / segmentEvents);
