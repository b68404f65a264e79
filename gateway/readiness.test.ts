import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AstraError } from '../kernel/errors.ts';
import { ManualClock } from '../kernel/memory/clock.ts';
import { probeMs, probeTimeoutMs } from './bounds.ts';
import { Readiness } from './readiness.ts';

describe('readiness', () => {
  it('is that every part is well: looks at once, probes by their last outcome', async () => {
    const clock = new ManualClock();
    let lag: string | undefined = 'behind';
    let isUp = true;
    const probe = async (): Promise<void> => {
      if (!isUp) throw new AstraError('unavailable', 'postgres_unavailable', 'no answer');
    };
    const readiness = new Readiness({ projections: () => lag }, { postgres: probe }, clock);
    expect(readiness.view().checks).toEqual([
      { name: 'projections', ok: false, reason: 'behind' },
      { name: 'postgres', ok: false, reason: 'not asked yet' },
    ]);
    await readiness.start();
    expect(readiness.view().ready).toBe(false);
    lag = undefined;
    expect(readiness.view()).toEqual({
      ready: true,
      checks: [
        { name: 'projections', ok: true },
        { name: 'postgres', ok: true },
      ],
    });

    isUp = false;
    expect(readiness.view().ready).toBe(true);
    clock.advance(probeMs);
    await nextTurn();
    expect(readiness.view()).toMatchObject({ ready: false, checks: [{}, { ok: false, reason: 'no answer' }] });
    readiness.stop();
    expect(clock.alarms).toBe(0);
  });

  it('does not wait for a probe that hangs, and tells nothing of one that breaks', async () => {
    const clock = new ManualClock();
    const hangs = () => new Promise<never>(() => {});
    const breaks = () => Promise.reject(new Error('select secret from t'));
    const readiness = new Readiness({}, { hangs, breaks }, clock);
    const started = readiness.start();
    await nextTurn();
    clock.advance(probeTimeoutMs);
    await started;
    expect(readiness.view().checks).toEqual([
      { name: 'hangs', ok: false, reason: `no answer within ${probeTimeoutMs} ms` },
      { name: 'breaks', ok: false, reason: 'it failed in an unexpected way' },
    ]);
  });
});
