import { parentPort, workerData } from 'node:worker_threads';
import { mutations } from './mutations.ts';
import { run } from './run.ts';

/** One seed after the other, as they come. */
const { steps, mutate } = workerData as { readonly steps: number; readonly mutate: string | undefined };
const mutation = mutate === undefined ? undefined : mutations[mutate];

parentPort?.on('message', (seed: number) => {
  void run({ seed, steps, mutation }).then((result) => parentPort?.postMessage(result));
});
