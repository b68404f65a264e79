import type { WorkMessage } from '../kernel/edge.ts';
import type { Execution } from './execution.ts';
import type { Handler } from './handler.ts';
import type { Posted } from './outbox.ts';
import type { WorkItem } from './work-message.ts';

/**
 * An attempt that this worker holds.
 *
 *   waiting ──▶ claiming ──ok──▶ running ──end──▶ reporting ──answer──▶ (gone)
 *      │            └──refused──▶ (gone)  └──ended by the kernel──▶ (gone)
 *      └──declined──▶ (gone)
 *
 * It takes a slot while claiming and running. Heartbeats name it from its claim until its report is answered: before
 * that the kernel may count it as this worker's.
 */
export interface Attempt {
  readonly key: string;
  readonly item: WorkItem;
  readonly handler: Handler;
  readonly delivery: Delivery;
  phase: 'waiting' | 'claiming' | 'running' | 'reporting' | 'gone';
  /** When its phase began, monotonic milliseconds. */
  sinceMs: number;
  claim: Posted | undefined;
  execution: Execution | undefined;
  /** Told to stop: why, and whether the task has to be told that it is given back. */
  stopped: { readonly reason: string; readonly giveBack: boolean } | undefined;
}

/** A message of WORK: acked when everything in it is answered. */
export class Delivery {
  readonly #message: WorkMessage;
  #open: number;

  constructor(message: WorkMessage, attempts: number) {
    this.#message = message;
    this.#open = attempts;
    if (attempts === 0) message.ack();
  }

  answered(): void {
    if (--this.#open === 0) this.#message.ack();
  }
}
