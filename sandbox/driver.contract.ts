import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Driver, Job, Outcome, Program } from './driver.ts';

/** A driver to be held to the port, and programs for it that do what is asked of each. */
export interface DriverUnderTest {
  readonly open: () => Promise<Driver>;
  readonly programs: {
    /** Writes these texts to stdout and stderr, and ends well. */
    readonly speak: (stdout: string, stderr: string) => Program;
    /** Writes `ready` to stdout, then never ends and never yields. */
    readonly spin: () => Program;
    /** Writes to stdout without end. */
    readonly flood: () => Program;
    /** Ends badly by itself. */
    readonly fail: () => Program;
  };
}

/** What every driver does (driver.ts). */
export function driverContract(name: string, { open, programs }: DriverUnderTest): void {
  describe(`driver contract: ${name}`, () => {
    let driver: Driver;
    beforeAll(async () => {
      driver = await open();
    });
    afterAll(() => driver.close());

    test('gives the output of a job that ends by itself, stream by stream', async () => {
      const { outcome, text } = await runJob(driver, programs.speak('to out\n', 'to err\n'));
      expect(outcome.reason).toBe('exit');
      expect(outcome.error).toBeUndefined();
      expect(outcome.exitCode ?? 0).toBe(0);
      expect(text('stdout')).toBe('to out\n');
      expect(text('stderr')).toBe('to err\n');
      expect(outcome.wallMs).toBeGreaterThanOrEqual(0);
    });

    test('tells a job that fails by itself from one that was ended', async () => {
      const { outcome } = await runJob(driver, programs.fail());
      expect(outcome.reason).toBe('exit');
      expect(outcome.error !== undefined || outcome.exitCode !== 0).toBe(true);
    });

    test('ends a job that never yields when its time is up', async () => {
      const { outcome } = await runJob(driver, programs.spin(), { timeoutMs: 400 });
      expect(outcome.reason).toBe('timeout');
    });

    test('ends a job whose signal is aborted', async () => {
      const stop = new AbortController();
      const { outcome } = await runJob(driver, programs.spin(), { signal: stop.signal }, () => stop.abort());
      expect(outcome.reason).toBe('cancelled');
    });

    test('does not run a job whose signal is aborted already', async () => {
      const { outcome } = await runJob(driver, programs.spin(), { signal: AbortSignal.abort() });
      expect(outcome.reason).toBe('cancelled');
    });

    test('ends a job that writes more than it may, and passes on no more than that', async () => {
      const { outcome, text } = await runJob(driver, programs.flood(), { limits: { outputBytes: 100_000 } });
      expect(outcome.reason).toBe('output');
      expect(text('stdout').length).toBeLessThanOrEqual(100_000);
      expect(text('stdout').length).toBeGreaterThan(0);
    });

    test('is as good as before after jobs that had to be ended', async () => {
      await runJob(driver, programs.spin(), { timeoutMs: 100 });
      const outcomes = await Promise.all([1, 2, 3, 4].map((n) => runJob(driver, programs.speak(`${n}\n`, ''))));
      expect(outcomes.map(({ text }) => text('stdout'))).toEqual(['1\n', '2\n', '3\n', '4\n']);
    });
  });
}

/** Runs one job and keeps what it wrote; `onOutput` is called with each piece. */
export async function runJob(
  driver: Driver,
  program: Program,
  options: Partial<Pick<Job, 'timeoutMs' | 'limits' | 'signal'>> = {},
  onOutput: (text: string) => void = () => undefined,
): Promise<{ outcome: Outcome; text: (stream: 'stdout' | 'stderr') => string }> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const outcome = await driver.run({
    name: 'gl_test.task:1',
    program,
    timeoutMs: 60_000,
    limits: {},
    signal: new AbortController().signal,
    ...options,
    onOutput: (stream, chunk) => {
      chunks[stream].push(Buffer.from(chunk));
      onOutput(Buffer.from(chunk).toString('utf8'));
    },
  });
  await outcome.dispose();
  return { outcome, text: (stream) => Buffer.concat(chunks[stream]).toString('utf8') };
}
