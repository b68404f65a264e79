import type { Problem } from './errors.ts';
import { type Source, sourceName } from './unit.ts';

/**
 * Inputs of a shard that failed where nothing can be refused any more: in a fold, or in the store. The shard folds its
 * memory again; when such an input comes again it is parked, and given up when even that fails: nothing that can be sent
 * stops a shard.
 */
export class Poisoned {
  readonly #inputs = new Map<string, { readonly problem: Problem; readonly treatment: 'park' | 'give up' }>();

  get isEmpty(): boolean {
    return this.#inputs.size === 0;
  }

  /** Notes that an input failed, or one entry of a batch; what had failed before is given up. */
  add(source: Source, entry: number | undefined, problem: Problem): 'park' | 'give up' {
    const name = nameOf(source, entry);
    const treatment = this.#inputs.has(name) ? 'give up' : 'park';
    this.#inputs.set(name, { problem, treatment });
    return treatment;
  }

  /** An input of this name is parked when it comes. */
  expect(name: string, problem: Problem): void {
    this.#inputs.set(name, { problem, treatment: 'park' });
  }

  find(
    source: Source,
    entry?: number,
  ): { readonly problem: Problem; readonly treatment: 'park' | 'give up' } | undefined {
    if (this.#inputs.size === 0) return undefined;
    return (
      this.#inputs.get(sourceName(source)) ??
      (entry === undefined ? undefined : this.#inputs.get(nameOf(source, entry)))
    );
  }

  /** It is over with: parked or given up, durably. */
  forget(source: Source): void {
    if (this.#inputs.size === 0) return;
    const name = sourceName(source);
    for (const known of this.#inputs.keys()) if (coversInput(name, known)) this.#inputs.delete(known);
  }
}

/** Whether `name` is the input called `known`, or the batch that it is an entry of. */
export const coversInput = (name: string, known: string): boolean => known === name || known.startsWith(`${name}#`);

const nameOf = (source: Source, entry: number | undefined): string =>
  entry === undefined ? sourceName(source) : `${sourceName(source)}#${entry}`;
