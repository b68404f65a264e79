import { carefulInputsMax, probationMs, triesMax } from './bounds.ts';
import type { Clock } from './clock.ts';
import type { Problem } from './errors.ts';
import type { Probation } from './log.ts';
import { coversInput, type Poisoned } from './poisoned.ts';
import { type Source, sourceName, type Unit } from './unit.ts';

/**
 * Trials of one process: one at a time over all its shards, because who dies of one command would else leave every other
 * command under trial as suspect as that one.
 */
export class Trials {
  #last: Promise<void> = Promise.resolve();
  /** The command that killed was found and is parked: the others of this process need no more care. */
  over = false;

  /** Waits for its turn; what it resolves with ends it. */
  async enter(): Promise<() => void> {
    const before = this.#last;
    let leave = (): void => {};
    this.#last = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }
}

export interface CarefulParts {
  readonly trials: Trials;
  readonly poisoned: Poisoned;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Commits what is about to be tried, behind all that was decided. False when the shard does not go on. */
  readonly note: (source: Source, probation: Probation) => Promise<boolean>;
}

/**
 * How a shard finds the command that kills its process:
 *
 *   claimed ─┬─ its row had no probation ─▶ on probation ── lived for a moment with open inputs ──▶ trusted
 *            └─ its last owner died on it ─▶ careful ─┬─ lived, and nothing waits; or enough were passed ─▶ trusted
 *                                                    └─ an input was tried twice ─▶ parked ─▶ on probation
 *
 * With care, one input a commit is run, each behind a commit that names it: so whoever finds a name there finds the input
 * that was being run when the process died. What else was committed meanwhile says nothing about it: probation ends
 * with time.
 */
export class Careful {
  readonly #parts: CarefulParts;
  #state: 'careful' | 'probation' | 'trusted';
  /** As it was found, until it is passed. */
  #suspect: Probation | undefined;
  #passed = 0;
  #openMs: number | undefined;
  /** Ends the trial that is under way. */
  #leave: (() => void) | undefined;
  #entries: Source | undefined;

  constructor(found: Probation | null, parts: CarefulParts) {
    this.#parts = parts;
    this.#state = found ? 'careful' : 'probation';
    if (!found || found.trying === '') return;
    this.#suspect = found;
    // More than one entry of a batch must kill: it is parked whole.
    if (this.#isFound) parts.poisoned.expect(found.tries > triesMax ? messageOf(found.trying) : found.trying, killed);
  }

  get on(): boolean {
    return this.#state === 'careful' && !this.#parts.trials.over;
  }

  get #isFound(): boolean {
    return this.#suspect !== undefined && this.#suspect.tries >= triesMax;
  }

  /** Waits for this input's turn and commits that it is tried; a batch that died before names its entries instead. False when the shard does not go on. */
  async begin(source: Source, entries: number): Promise<boolean> {
    const leave = await this.#parts.trials.enter();
    if (!this.on) {
      leave();
      return true;
    }
    this.#leave = leave;
    const name = sourceName(source);
    const tries = this.#suspect && coversInput(name, this.#suspect.trying) ? this.#suspect.tries : 0;
    this.#entries = entries > 1 && tries > 0 && tries < triesMax ? source : undefined;
    if (this.#entries) return true;
    const trying = tries === 0 ? name : (this.#suspect as Probation).trying;
    return this.#goesOn(await this.#parts.note(source, { trying, tries: tries + 1 }));
  }

  /** Commits that this entry of the batch is tried, where that has to be known. */
  entry(index: number): Promise<boolean> | undefined {
    const source = this.#entries;
    if (!source || !this.#suspect) return undefined;
    return this.#parts
      .note(source, { trying: `${sourceName(source)}#${index}`, tries: this.#suspect.tries + 1 })
      .then((goesOn) => this.#goesOn(goesOn));
  }

  #goesOn(goesOn: boolean): boolean {
    if (!goesOn) this.stop();
    return goesOn;
  }

  /** What a commit of these units leaves in the shard's row. */
  mark(units: readonly Unit[]): Probation | null {
    const noted = units.at(-1)?.probation;
    if (noted) return noted;
    if (this.#suspect && !units.some(({ source }) => this.#isSuspect(source))) return this.#suspect;
    return this.#state === 'trusted' ? null : unknown;
  }

  #isSuspect(source: Source): boolean {
    return this.#suspect !== undefined && coversInput(sourceName(source), this.#suspect.trying);
  }

  landed(units: readonly Unit[]): void {
    if (!this.#leave && !this.#suspect) return;
    for (const { source, probation } of units) {
      if (probation) continue;
      if (this.#isSuspect(source)) {
        if (this.#isFound) this.#parts.trials.over = true;
        this.#suspect = undefined;
      }
      if (++this.#passed === carefulInputsMax && this.#state === 'careful') this.#state = 'probation';
      this.stop();
    }
  }

  /** Looks, again and again, whether its owner has lived long enough. */
  look(isOpen: boolean, waits: boolean): void {
    if (this.#state === 'trusted') return;
    const now = this.#parts.clock.monotonicMs();
    this.#openMs = isOpen ? (this.#openMs ?? now) : undefined;
    if (this.#openMs === undefined || now - this.#openMs < probationMs || (waits && this.on)) return;
    this.#state = 'trusted';
    this.#suspect = undefined;
  }

  /** No trial is under way any more. */
  stop(): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#entries = undefined;
  }
}

const unknown: Probation = { trying: '', tries: 0 };

const killed: Problem = {
  kind: 'contained',
  code: 'killed_process',
  detail: `the process ended ${triesMax} times while this was being decided, and nothing else`,
};

const messageOf = (name: string): string => name.replace(/#\d+$/, '');
