/** Chance that follows from a seed: the same seed and name, the same sequence, on any machine (sfc32). */
export class Dice {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number, name: string) {
    let hash = 0x811c9dc5 ^ seed;
    const mix = (value: number): number => {
      hash = Math.imul(hash ^ value, 0x01000193);
      hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
      return hash | 0;
    };
    for (let i = 0; i < name.length; i++) mix(name.charCodeAt(i));
    this.#a = mix(seed);
    this.#b = mix(1);
    this.#c = mix(2);
    for (let i = 0; i < 12; i++) this.number();
  }

  /** 0 ≤ x < 1 */
  number(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  chance(of: number): boolean {
    return this.number() < of;
  }

  /** A whole number from 0 to `below` − 1. */
  int(below: number): number {
    return Math.floor(this.number() * below);
  }

  between(least: number, most: number): number {
    return least + this.number() * (most - least);
  }

  /** One of them; undefined when there is none. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }
}
