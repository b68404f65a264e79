import { internedMax } from './bounds.ts';

/**
 * One copy of what many rows repeat: decoded events bring a new string for each pool, type, tag and prompt. Bounded; past
 * the bound it starts afresh, which costs memory and nothing else.
 */
export class Interned {
  readonly #strings = new Map<string, string>();
  readonly #values = new Map<string, unknown>();

  string(value: string): string {
    const had = this.#strings.get(value);
    if (had !== undefined) return had;
    if (this.#strings.size >= internedMax) this.#strings.clear();
    this.#strings.set(value, value);
    return value;
  }

  strings(values: readonly string[]): readonly string[] {
    return values.length === 0 ? none : this.value(values.map((value) => this.string(value)));
  }

  /** A small value by its JSON text. It must not be changed. */
  value<T>(value: T): T {
    const text = JSON.stringify(value);
    if (text === undefined || text.length > internedTextMax) return value;
    const had = this.#values.get(text);
    if (had !== undefined) return had as T;
    if (this.#values.size >= internedMax) this.#values.clear();
    this.#values.set(text, value);
    return value;
  }
}

const none: readonly string[] = [];

/** Longer texts are rarely the same. */
const internedTextMax = 256;
