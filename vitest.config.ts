import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const outside = ['**/node_modules/**', '**/.tools/**', '**/.astra/**', '**/dist/**'];

export default defineConfig({
  test: {
    reporters: ['default', './test/summary-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...outside, '**/*.it.test.ts'],
          // Files share the modules that they import: loading them anew for each took 40 % of the whole run's CPU.
          isolate: false,
          // By default a core stays free for the terminal; with two cores that is half the machine.
          maxWorkers: availableParallelism() + 1,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['**/*.it.test.ts'],
          exclude: outside,
          globalSetup: ['test/servers.ts'],
          // A server, a process or a whole goal is behind each of these: the limit is there to end a hang, not to judge speed.
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
