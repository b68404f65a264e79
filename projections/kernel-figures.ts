import type { Clock } from '../kernel/clock.ts';
import type { Json } from '../kernel/envelope.ts';
import { kernelFiguresMs, kernelsMax } from './bounds.ts';
import type { KernelView, LatencyView } from './stats-view.ts';

/** What kernel processes say of themselves, once a second: kept while it is fresh. */
export class KernelFigures {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #heard = new Map<string, { readonly view: KernelView; readonly atMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  readonly hear = (owner: string, stats: Json): void => {
    const view = read(owner, stats);
    if (!view) return;
    if (!this.#heard.has(owner) && this.#heard.size >= kernelsMax) this.views();
    if (this.#heard.size < kernelsMax) this.#heard.set(owner, { view, atMs: this.#clock.monotonicMs() });
  };

  /** Of those heard lately; forgets the others. */
  views(): readonly KernelView[] {
    const since = this.#clock.monotonicMs() - kernelFiguresMs;
    for (const [owner, { atMs }] of this.#heard) if (atMs < since) this.#heard.delete(owner);
    return [...this.#heard.values()].map(({ view }) => view).sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** It came over the wire: only what has the right shape is shown. */
function read(owner: string, stats: Json): KernelView | undefined {
  if (stats === null || typeof stats !== 'object' || !('shards' in stats) || !('schedulingMs' in stats))
    return undefined;
  const { shards, schedulingMs, commits, events } = stats;
  const latency = readLatency(schedulingMs);
  if (!Array.isArray(shards) || !latency || typeof commits !== 'number' || typeof events !== 'number') return undefined;
  return { id: owner, shards: shards.length, commits, events, schedulingMs: latency };
}

function readLatency(value: Json | undefined): LatencyView | undefined {
  if (value === null || typeof value !== 'object' || !('count' in value)) return undefined;
  const { count, p50, p95, p99, max } = value;
  const numbers = [count, p50, p95, p99, max];
  return numbers.every((number) => typeof number === 'number')
    ? ({ count, p50, p95, p99, max } as LatencyView)
    : undefined;
}
