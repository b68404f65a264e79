import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RunResult } from './run.ts';

export interface SeedsOptions {
  readonly seeds: number;
  readonly from: number;
  readonly steps: number;
  /** Name of the bug to plant. */
  readonly mutate?: string | undefined;
  /** Nothing more is begun once it says so. */
  readonly isEnough: () => boolean;
  readonly onResult: (result: RunResult) => void;
}

/** Runs seeds on every core, each in whichever thread is free: a run depends on its seed alone. */
export async function runSeeds(options: SeedsOptions): Promise<void> {
  const { seeds, from, steps, mutate, isEnough, onResult } = options;
  let next = from;
  const threads = Math.min(seeds, availableParallelism());
  await Promise.all(
    Array.from({ length: threads }, () => {
      const thread = new Worker(new URL('./seed-thread.ts', import.meta.url), {
        workerData: { steps, mutate },
        // What a run makes is of short life, and copied less often where there is more room for it.
        resourceLimits: { maxYoungGenerationSizeMb: 64 },
      });
      return new Promise<void>((resolve, reject) => {
        const begin = (): void => {
          if (next < from + seeds && !isEnough()) thread.postMessage(next++);
          else void thread.terminate().then(() => resolve());
        };
        thread.on('message', (result: RunResult) => {
          onResult(result);
          begin();
        });
        thread.on('error', reject);
        begin();
      });
    }),
  );
}
