import { afterEach } from 'vitest';
import { z } from 'zod';
import type { Json } from '../../kernel/envelope.ts';
import { ManualClock } from '../../kernel/memory/clock.ts';
import { SystemRandom } from '../../kernel/random.ts';
import { memoryArtifactStore } from '../artifacts/memory-store.ts';
import { silenceLookMs, stopGraceMs } from '../bounds.ts';
import { defineHandler, type Handler, type HandlerContext } from '../handler.ts';
import { startWorker } from '../worker.ts';
import type { RunningWorker, WorkerOptions } from '../worker-options.ts';
import { ScriptedKernel, silentLog } from './scripted-kernel.ts';

/** Lets everything run that does not wait for time. */
export const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A handler whose attempts end when the test says so. */
export function manual(type = 'manual') {
  const contexts: HandlerContext<unknown>[] = [];
  const ends: { resolve: (value: Json) => void; reject: (error: unknown) => void }[] = [];
  const handler: Handler = defineHandler({
    type,
    input: z.unknown(),
    run: (ctx) =>
      new Promise<Json>((resolve, reject) => {
        contexts.push(ctx);
        ends.push({ resolve, reject });
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason));
      }),
  });
  return { handler, contexts, ends };
}

const workers: { worker: RunningWorker; clock: ManualClock }[] = [];
afterEach(async () => {
  for (const { worker, clock } of workers.splice(0)) {
    const left = worker.stop({ graceMs: 0 });
    for (let i = 0; i < 10; i++) {
      await settle();
      clock.advance(stopGraceMs);
    }
    await left;
  }
});

/** A worker whose kernel and clock are the test's; it is stopped after the test. */
export async function setUp(options: Partial<WorkerOptions> = {}, kernel = new ScriptedKernel()) {
  const clock = new ManualClock();
  const worker = await startWorker({
    link: kernel,
    org: 'default',
    workerId: 'wk_x',
    pools: ['default'],
    slots: 2,
    drivers: [],
    artifacts: memoryArtifactStore(),
    log: silentLog,
    clock,
    random: new SystemRandom(),
    host: 'here',
    version: '0',
    ...options,
  });
  workers.push({ worker, clock });
  await settle();
  const advance = async (ms: number) => {
    for (let left = ms; left > 0; left -= silenceLookMs) {
      clock.advance(Math.min(left, silenceLookMs));
      await settle();
    }
  };
  return { kernel, clock, worker, advance };
}
