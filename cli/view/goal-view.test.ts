import { expect, test } from 'vitest';
import { goalLines } from './goal-view.ts';
import type { GoalView, TaskView } from './graph.ts';
import { palette } from './palette.ts';
import { width } from './width.ts';

const submittedAt = '2026-01-01T00:00:00.000Z';
const nowMs = Date.parse('2026-01-01T00:00:04.200Z');
const frame = { columns: 80, rows: 40, paint: palette(false), nowMs };

const goal = (status: string, counts: Record<string, number>, more: Partial<GoalView> = {}): GoalView => ({
  id: 'gl_01h00000000000000000000000',
  status,
  run: 1,
  text: 'count the words',
  counts,
  submittedAt,
  ...more,
});
const task = (key: string, status: string, more: Partial<TaskView> = {}): TaskView => ({
  id: `gl_01h00000000000000000000000.${key}`,
  key,
  type: 'shell',
  status,
  attempt: status === 'created' ? 0 : 1,
  ...more,
});
const at = (seconds: number): string => new Date(Date.parse(submittedAt) + seconds * 1000).toISOString();

test('a goal on its way: bar, statuses, times, and what each task waits for', () => {
  const tasks = [
    task('list', 'completed', { startedAt: at(0.1), finishedAt: at(0.4) }),
    task('join', 'created'),
    task('measure-1', 'completed', { startedAt: at(0.5), finishedAt: at(2) }),
    task('measure-2', 'running', { startedAt: at(0.5), attempt: 2, progress: 0.4 }),
    task('measure-3', 'failed', { attempt: 1 }),
    task('measure-4', 'queued'),
    task('measure-5', 'pending', { attempt: 0 }),
  ];
  const edges = ['1', '2', '3', '4', '5'].flatMap((n) => [
    { from: 'list', to: `measure-${n}` },
    { from: `measure-${n}`, to: 'join' },
  ]);
  const counts = {
    created: 1,
    pending: 1,
    queued: 1,
    running: 1,
    failed: 1,
    completed: 2,
    dead_letter: 0,
    cancelled: 0,
  };
  expect(`\n${goalLines(goal('active', counts), tasks, edges, frame).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    gl_01h00000000000000000000000  active  4.2 s  count the words
    ████████░░░░░░░░░░░░░░░░░░░░░░  2/7  running 1 · failed 1 · queued 1 · pending …

      ✔ list         shell  300 ms
      ✔   measure-1  shell  1.5 s
      ▸   measure-2  shell  3.7 s  40 %  attempt 2
      ↻   measure-3  shell  waits to try again after attempt 1
      ◌   measure-4  shell  queued
      ○   measure-5  shell  pending
      ·     join     shell  waits for measure-2, measure-3, measure-4 and 1 more
    "
  `);
});

test('a goal that failed: the dead letter, what it cancelled, and the run', () => {
  const tasks = [
    task('a', 'dead_letter', { startedAt: at(1), finishedAt: at(1.5), attempt: 3 }),
    task('b', 'cancelled', { attempt: 0 }),
  ];
  const counts = { dead_letter: 1, cancelled: 1 };
  const lines = goalLines(
    goal('failed', counts, { run: 2, finishedAt: at(90) }),
    tasks,
    [{ from: 'a', to: 'b' }],
    frame,
  );
  expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
    "
    gl_01h00000000000000000000000  failed  run 2  1 min 30 s  count the words
    ██████████████████████████████  2/2  dead letter 1 · cancelled 1

      ✘ a    shell  500 ms  attempt 3
      ⊘   b  shell  cancelled
    "
  `);
});

test('what does not fit is counted; what moves or failed is shown', () => {
  const tasks = [
    ...Array.from({ length: 200 }, (_, n) => task(`done-${n}`, 'completed', { startedAt: at(0), finishedAt: at(1) })),
    task('late', 'running', { startedAt: at(2) }),
    task('bad', 'dead_letter', { startedAt: at(2), finishedAt: at(3) }),
  ];
  const lines = goalLines(goal('active', { completed: 200, running: 1, dead_letter: 1 }), tasks, [], {
    ...frame,
    rows: 12,
  });
  expect(lines.length).toBeLessThanOrEqual(12);
  expect(lines.join('\n')).toContain('late');
  expect(lines.join('\n')).toContain('bad');
  expect(lines.at(-1)).toBe('  … and 196 more tasks');
});

test('no line is wider than the terminal, whatever names hold', () => {
  const tasks = [
    task('世界'.repeat(40), 'running', { startedAt: at(0), type: 'x'.repeat(64) }),
    task('b\u001b[31m', 'created'),
  ];
  const lines = goalLines(goal('active', { running: 1 }, { text: '\u001b[2J\nboo' }), tasks, [], {
    ...frame,
    columns: 50,
  });
  for (const line of lines) {
    expect(width(line)).toBeLessThanOrEqual(50);
    expect(line).not.toContain('\u001b');
  }
});

test('a goal without tasks yet has an empty bar', () => {
  expect(goalLines(goal('blocked', {}), [], [], frame)[1]).toBe(`${'░'.repeat(30)}  0/0`);
});
