import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Closes a run with `N passed, N failed`. What failed outside a test (a file that cannot be loaded, a hook, an unhandled
 * rejection, no test at all) counts as a failure too, so that the line is never better than the exit code.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    let passed = 0;
    let failed = unhandled.length;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'failed') failedHere += 1;
      }
      failed += module.state() === 'failed' ? Math.max(failedHere, 1) : failedHere;
    }
    if (passed + failed === 0) failed = 1;
    process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  }
}
