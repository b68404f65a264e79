import type { Clock } from '../kernel/clock.ts';
import { AstraError } from '../kernel/errors.ts';
import { probeMs, probeTimeoutMs } from './bounds.ts';

/** What is wrong with a part, seen from here at once; undefined when nothing is. */
export type Look = () => string | undefined;
/** Asks a part whether it is well: rejects when it is not. */
export type Probe = () => Promise<unknown>;

/** A check as /readyz shows it. */
export interface CheckView {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong. */
  readonly reason?: string;
}

/** What this gateway needs. Parts elsewhere are probed in the background: /readyz tells the last outcome and waits for nothing. */
export class Readiness {
  readonly #looks: Readonly<Record<string, Look>>;
  readonly #probes: Readonly<Record<string, Probe>>;
  readonly #clock: Clock;
  readonly #outcomes = new Map<string, string | undefined>();
  #cancel: (() => void) | undefined;
  #stopped = false;
  /** The log has been read to its end once since the start: what memory does not have does not exist. */
  hasRead = false;

  constructor(looks: Readonly<Record<string, Look>>, probes: Readonly<Record<string, Probe>>, clock: Clock) {
    this.#looks = looks;
    this.#probes = probes;
    this.#clock = clock;
    for (const name of Object.keys(probes)) this.#outcomes.set(name, 'not asked yet');
  }

  /** Asks every part now and every {@link probeMs}; resolves after the first round. */
  async start(): Promise<void> {
    await Promise.all(Object.entries(this.#probes).map(([name, probe]) => this.#ask(name, probe)));
    if (!this.#stopped) this.#cancel = this.#clock.after(probeMs, () => void this.start());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  view(): { readonly ready: boolean; readonly checks: readonly CheckView[] } {
    const found = [...Object.entries(this.#looks).map(([name, look]) => [name, look()] as const), ...this.#outcomes];
    const checks = found.map(([name, reason]) =>
      reason === undefined ? { name, ok: true } : { name, ok: false, reason },
    );
    return { ready: checks.every(({ ok }) => ok), checks };
  }

  async #ask(name: string, probe: Probe): Promise<void> {
    let cancel = () => {};
    const silence = new Promise<string>((resolve) => {
      cancel = this.#clock.after(probeTimeoutMs, () => resolve(`no answer within ${probeTimeoutMs} ms`));
    });
    try {
      this.#outcomes.set(name, await Promise.race([probe().then(() => undefined), silence]));
    } catch (error) {
      this.#outcomes.set(name, error instanceof AstraError ? error.message : 'it failed in an unexpected way');
    } finally {
      cancel();
    }
  }
}
