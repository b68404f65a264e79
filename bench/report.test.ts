import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renderReport } from './report.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'astra-report-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const env = {
  at: '2026-01-02T03:04:05.000Z',
  seconds: 20,
  node: 'v22.0.0',
  platform: 'linux-x64',
  cpu: 'CPU',
  cpus: 2,
  memoryGiB: 8,
};

test('a report names what was measured, what it has to be, and what the floor is', () => {
  const metrics = { tasksPerSecond: 2600, cpuMicrosPerTask: { kernel: 300.5 } };
  writeFileSync(
    join(directory, 'tasks-max.json'),
    JSON.stringify({ bench: 'tasks', ok: true, metrics, floor: { tasksPerSecond: 6000 }, env }),
  );
  writeFileSync(join(directory, 'tasks-max.svg'), '<svg/>');
  const page = renderReport(directory, '../plots');
  expect(page).toContain('## tasks-max\n\nNothing lost, doubled or out of order · 2026-01-02, 2 × CPU, 8 GiB');
  expect(page).toContain('| tasksPerSecond | **2,600** | ≥ 2,500 | ≥ 5,787 | 6,000 |');
  expect(page).toContain('| cpuMicrosPerTask.kernel | 300.5 |  |  |  |');
  expect(page).toContain('![tasks-max.svg](../plots/tasks-max.svg)');
});

test('a report hides neither a figure that is missed nor a run that was not right', () => {
  const result = { ok: false, metrics: { lost: 1, takeoverMs: { max: 5001 } }, floor: {}, env };
  writeFileSync(join(directory, 'recover.json'), JSON.stringify(result));
  const page = renderReport(directory, 'plots');
  expect(page).toContain('**Not right: something was lost');
  expect(page).toContain('| lost | 1 ✗ | ≤ 0 |');
  expect(page).toContain('| takeoverMs.max | 5,001 ✗ | ≤ 5,000 | ≤ 3,000 |');
});
