import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** Seconds from a request's head to the end of its answer. */
const buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10];

/** One route's counts: plain numbers, so that a read pays nothing for labels; they become metrics when somebody scrapes. */
export class RouteMetrics {
  readonly method: string;
  readonly path: string;
  readonly statuses = new Map<number, number>();
  readonly counts = new Float64Array(buckets.length + 1);
  sumSeconds = 0;

  constructor(method: string, path: string) {
    this.method = method;
    this.path = path;
  }

  record(status: number, seconds: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    let at = 0;
    while (at < buckets.length && seconds > (buckets[at] as number)) at++;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sumSeconds += seconds;
  }
}

/** A value that is read when somebody scrapes. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  readonly value: () => number;
}

/** The Prometheus metrics of one gateway. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #routes: RouteMetrics[] = [];

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    const routes = this.#routes;
    new Counter({
      name: 'astra_http_requests_total',
      help: 'Requests answered, by route and status',
      labelNames: ['method', 'path', 'status'],
      registers,
      collect() {
        this.reset();
        for (const { method, path, statuses } of routes)
          for (const [status, count] of statuses) this.inc({ method, path, status }, count);
      },
    });
  }

  gauges(sources: readonly GaugeSource[]): void {
    for (const { name, help, value } of sources)
      new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect() {
          this.set(value());
        },
      });
  }

  route(method: string, path: string): RouteMetrics {
    const route = new RouteMetrics(method, path);
    this.#routes.push(route);
    return route;
  }

  get mediaType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return `${await this.#registry.metrics()}${this.#durations()}`;
  }

  /** Histograms in the text format, from the routes' own counts. */
  #durations(): string {
    const name = 'astra_http_request_duration_seconds';
    const lines = [`# HELP ${name} From a request's head to the end of its answer`, `# TYPE ${name} histogram`];
    for (const { method, path, counts, sumSeconds } of this.#routes) {
      const labels = `method="${method}",path="${path}"`;
      let total = 0;
      for (const [at, count] of counts.entries()) {
        total += count;
        lines.push(`${name}_bucket{${labels},le="${buckets[at] ?? '+Inf'}"} ${total}`);
      }
      lines.push(`${name}_sum{${labels}} ${sumSeconds}`, `${name}_count{${labels}} ${total}`);
    }
    return `${lines.join('\n')}\n`;
  }
}
