/**
 * A latency histogram of fixed size: buckets grow by 10 %, from 0.01 ms to over an hour, so that any quantile is read
 * within 10 % of its value and histograms of several processes add up.
 */
const growth = 1.1;
const least = 0.01;
const buckets = 210;

export class Histogram {
  readonly #counts = new Float64Array(buckets);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  record(ms: number): void {
    const index = ms <= least ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(ms / least) / Math.log(growth)));
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count++;
    if (ms > this.#max) this.#max = ms;
  }

  /** Adds what another one recorded. */
  add(other: Histogram): void {
    for (let i = 0; i < buckets; i++) this.#counts[i] = (this.#counts[i] as number) + (other.#counts[i] as number);
    this.#count += other.#count;
    if (other.#max > this.#max) this.#max = other.#max;
  }

  /** The value below which this share of what was recorded lies, in milliseconds; 0 when nothing was. */
  quantile(share: number): number {
    let left = Math.ceil(this.#count * share);
    if (left === 0) return 0;
    for (let i = 0; i < buckets; i++) {
      left -= this.#counts[i] as number;
      if (left <= 0) return Math.min(this.#max, least * growth ** i);
    }
    return this.#max;
  }

  summary(): {
    readonly count: number;
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly max: number;
  } {
    const round = (ms: number): number => Math.round(ms * 100) / 100;
    return {
      count: this.#count,
      p50: round(this.quantile(0.5)),
      p95: round(this.quantile(0.95)),
      p99: round(this.quantile(0.99)),
      max: round(this.#max),
    };
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#max = 0;
  }
}
