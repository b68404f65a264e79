import { describe, expect, it } from 'vitest';
import { planBytesMax, planFaultsMax, planTasksMax, taskInputBytesMax } from '../bounds.ts';
import { checkPlan, planProblem } from './plan-check.ts';

const check = (input: unknown, allowedTools?: readonly string[]) =>
  checkPlan(input, { priority: 5, ...(allowedTools ? { allowedTools } : {}) });

/** The faults as `pointer message`. */
function faultsOf(input: unknown, allowedTools?: readonly string[]): readonly string[] {
  const checked = check(input, allowedTools);
  return checked.ok ? [] : checked.faults.map(({ pointer, message }) => `${pointer} ${message}`);
}

const tasks = (...list: readonly unknown[]) => ({ tasks: list });
const noop = (key: string, ...dependsOn: readonly string[]) => ({ key, type: 'noop', dependsOn });

describe('a plan', () => {
  it('gets every default, and keeps what it says', () => {
    const own = {
      key: 'own',
      type: 'shell',
      input: { a: [1, null] },
      dependsOn: ['plain'],
      pool: 'gpu',
      priority: 0,
      maxAttempts: 100,
      timeoutMs: 1,
      backoff: { minMs: 0, maxMs: 5 },
      limits: { memoryBytes: 1, cpus: 0.5, pids: 9, diskBytes: 2, outputBytes: 3, network: 'allowlist' },
      onFailure: 'continue',
    };
    expect(check(tasks({ key: 'plain', type: 'noop' }, own))).toEqual({
      ok: true,
      plan: {
        tasks: [
          {
            key: 'plain',
            type: 'noop',
            input: {},
            dependsOn: [],
            pool: 'default',
            priority: 5,
            maxAttempts: 3,
            timeoutMs: 300_000,
            backoff: { minMs: 500, maxMs: 60_000 },
            limits: {},
            onFailure: 'fail_goal',
          },
          own,
        ],
      },
    });
  });

  it('that was checked is what a second check says it is', () => {
    const first = check(tasks(noop('a'), { ...noop('b', 'a'), backoff: { minMs: 90_000 } }));
    expect(first).toMatchObject({ ok: true });
    if (first.ok) expect(check(first.plan)).toEqual(first);
  });

  it('names every fault in one refusal', () => {
    const faults = faultsOf({
      tasks: [
        { key: 'a', type: 'noop', priority: 10, colour: 'red', limits: { gpus: 1, cpus: 0 } },
        { key: 'a', type: 'Noop', dependsOn: ['nobody'], backoff: { minMs: 9, maxMs: 3, step: 1 } },
        { key: '_c', type: 'noop', timeoutMs: 0, maxAttempts: 101, onFailure: 'shrug', pool: '' },
        { type: 'noop', dependsOn: 'a', input: { $from: 'a' } },
        'nonsense',
        { ...noop('d', 'e'), input: { x: { $from: 'zzz', pointer: 'body' } } },
        noop('e', 'd'),
      ],
      name: 'plan',
    });
    expect(faults).toEqual([
      '/name unknown field',
      '/tasks/0/colour unknown field',
      '/tasks/0/priority expected 0 (most urgent) to 9, found 10',
      '/tasks/0/limits/gpus unknown field',
      '/tasks/0/limits/cpus expected a number above 0, up to 1024, found 0',
      '/tasks/1/type expected 1 to 64 of a-z, 0-9, _ and -, found "Noop"',
      '/tasks/1/backoff/step unknown field',
      '/tasks/1/backoff/maxMs expected a whole number from 9 to 86400000, found 3',
      '/tasks/2/key expected 1 to 64 of A-Z, a-z, 0-9, - and _, not beginning with _, found "_c"',
      '/tasks/2/pool expected 1 to 64 of a-z, 0-9, _ and -, found ""',
      '/tasks/2/maxAttempts expected a whole number from 1 to 100, found 101',
      '/tasks/2/timeoutMs expected a whole number from 1 to 86400000, found 0',
      '/tasks/2/onFailure expected fail_goal or continue, found "shrug"',
      '/tasks/3/key expected a key',
      '/tasks/3/dependsOn expected a list of at most 1000 different keys, found "a"',
      '/tasks/4 expected an object { key, type, … }',
      '/tasks/1/key expected unique keys, found a at /tasks/0 too',
      '/tasks/1/dependsOn/0 expected the key of a task in this plan, found "nobody"',
      '/tasks/5/input/x/pointer expected a JSON pointer (RFC 6901), found "body"',
      '/tasks expected no cycle, found d → e → d',
    ]);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['text', 'tasks'],
    ['a list', []],
  ])('is not %s', (_what, plan) => {
    expect(faultsOf(plan)).toEqual([' expected an object { tasks: […] }']);
  });

  it.each([
    ['no tasks', {}],
    ['an empty list', { tasks: [] }],
    ['tasks that are no list', { tasks: { a: noop('a') } }],
  ])('needs at least one task, not %s', (_what, plan) => {
    expect(faultsOf(plan)).toEqual(['/tasks expected a list of at least one task']);
  });

  it.each(['', '_a', 'a'.repeat(65), 'a.b', 'a b', 'ä', 'a\0', 'a\n', 5, null])('has no key %j', (key) => {
    expect(faultsOf(tasks({ key, type: 'noop' }))).toEqual([
      expect.stringMatching(/^\/tasks\/0\/key expected 1 to 64/),
    ]);
  });

  it.each(['-', '0', 'a-B_9', 'constructor', 'a'.repeat(64)])('may have the key %s', (key) => {
    expect(faultsOf(tasks({ key, type: 'noop' }))).toEqual([]);
  });

  it.each(['pool', 'type'])('has no %s with NUL, capitals or nothing in it', (field) => {
    for (const value of ['a\0b', 'A', '', 'a'.repeat(65), 7, null])
      expect(faultsOf(tasks({ ...noop('a'), [field]: value }))).toEqual([
        expect.stringContaining(`/tasks/0/${field} expected 1 to 64 of a-z`),
      ]);
  });

  it.each([
    ['dependsOn', [1]],
    ['dependsOn', ['b', 'b']],
    ['dependsOn', Array.from({ length: 1001 }, (_, i) => `t${i}`)],
    ['priority', 1.5],
    ['priority', -1],
    ['priority', '5'],
    ['maxAttempts', 0],
    ['maxAttempts', null],
    ['timeoutMs', 86_400_001],
    ['timeoutMs', Number.NaN],
    ['backoff', 500],
    ['backoff', []],
    ['limits', null],
    ['onFailure', 'FAIL_GOAL'],
  ])('has no %s of %j', (field, value) => {
    expect(faultsOf(tasks({ ...noop('a'), [field]: value }, noop('b')))).toEqual([
      expect.stringContaining(`/tasks/0/${field} expected`),
    ]);
  });

  it.each([
    ['memoryBytes', 0],
    ['diskBytes', 1.5],
    ['outputBytes', '1'],
    ['pids', 1_000_001],
    ['cpus', 1025],
    ['network', 'some'],
  ])('has no limit %s of %j', (field, value) => {
    expect(faultsOf(tasks({ ...noop('a'), limits: { [field]: value } }))).toEqual([
      expect.stringContaining(`/tasks/0/limits/${field} expected`),
    ]);
  });

  it('knows no field by what every object has', () => {
    expect(faultsOf(tasks({ ...noop('a'), limits: { constructor: 1, toString: 2 } }))).toEqual([
      '/tasks/0/limits/constructor unknown field',
      '/tasks/0/limits/toString unknown field',
    ]);
    expect(faultsOf(tasks({ ...noop('a'), hasOwnProperty: 1, 'a/b~c': 2 }))).toEqual([
      '/tasks/0/hasOwnProperty unknown field',
      '/tasks/0/a~1b~0c unknown field',
    ]);
  });

  it('has a first wait that the last may not be below, and a last that follows the first', () => {
    expect(check(tasks({ ...noop('a'), backoff: { minMs: 70_000 } }))).toMatchObject({
      plan: { tasks: [{ backoff: { minMs: 70_000, maxMs: 70_000 } }] },
    });
    expect(faultsOf(tasks({ ...noop('a'), backoff: { minMs: -1, maxMs: 1 } }))).toEqual([
      '/tasks/0/backoff/minMs expected a whole number from 0 to 86400000, found -1',
    ]);
  });

  it('may use the tools of its agent alone', () => {
    expect(faultsOf(tasks(noop('a')), ['shell', 'js'])).toEqual([
      "/tasks/0/type expected one of the agent's allowed tools (shell, js), found noop",
    ]);
    expect(faultsOf(tasks(noop('a')), [])).toEqual([]);
  });

  it('takes input that is JSON, up to its size and depth', () => {
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    const input = (value: unknown) => faultsOf(tasks({ ...noop('a'), input: value }));
    for (const value of [null, false, 'a\0b', [1, { a: null }], deep(128)]) expect(input(value)).toEqual([]);
    for (const value of [deep(129), 1n, new Date(0), Buffer.from('x'), Number.POSITIVE_INFINITY, '\udc00'])
      expect(input(value)).toEqual(['/tasks/0/input expected JSON of well-formed text, at most 128 levels deep']);
    expect(input('x'.repeat(taskInputBytesMax - 2))).toEqual([]);
    expect(input('x'.repeat(taskInputBytesMax - 1))).toEqual([
      `/tasks/0/input expected at most ${taskInputBytesMax} bytes of JSON, found ${taskInputBytesMax + 1}`,
    ]);
  });

  it('does not call a task unknown because something else of it is wrong', () => {
    expect(faultsOf(tasks({ ...noop('a'), priority: 11 }, noop('b', 'a')))).toHaveLength(1);
  });

  it('lists a thousand faults, and counts what is beyond', () => {
    const faults = faultsOf({
      tasks: Array.from({ length: planFaultsMax + 5 }, (_, i) => ({ ...noop(`t${i}`), x: 1 })),
    });
    expect(faults).toHaveLength(planFaultsMax + 1);
    expect(faults.at(-1)).toBe(' 5 more faults are not listed');
  });
});

describe('a large plan', () => {
  it('of ten thousand tasks is taken, of one more refused', () => {
    const list = Array.from({ length: planTasksMax + 1 }, (_, i) => noop(`t${i}`, ...(i === 0 ? [] : [`t${i - 1}`])));
    expect(check({ tasks: list.slice(0, planTasksMax) })).toMatchObject({ ok: true });
    expect(faultsOf({ tasks: list })).toEqual([
      `/tasks expected at most ${planTasksMax} tasks, found ${planTasksMax + 1}`,
    ]);
  });

  it('is measured with its defaults, and refused with the bound', () => {
    const list = Array.from({ length: 31 }, (_, i) => ({ ...noop(`t${i}`), input: 'x'.repeat(taskInputBytesMax - 2) }));
    const checked = check({ tasks: list });
    expect(checked).toMatchObject({ ok: false, code: 'plan_too_large', faults: [{ pointer: '/tasks' }] });
    if (!checked.ok) expect(checked.faults[0]?.message).toContain(`at most ${planBytesMax} bytes`);
    expect(check({ tasks: list.slice(0, 30) })).toMatchObject({ ok: true });
  });

  it('may take results from the other end of a long chain, everywhere', () => {
    const list = Array.from({ length: planTasksMax }, (_, i) => ({
      ...noop(`t${i}`, ...(i === 0 ? [] : [`t${i - 1}`])),
      ...(i === 0 ? {} : { input: { $from: 't0' } }),
    }));
    expect(check({ tasks: list })).toMatchObject({ ok: true });
  });
});

describe('a refused plan', () => {
  it('is a problem that points into the body it came with', () => {
    const checked = check({
      tasks: [
        { ...noop('a'), x: 1, y: 2 },
        { ...noop('b'), z: 3, w: 4 },
      ],
    });
    expect(checked.ok ? undefined : planProblem(checked)).toMatchObject({
      kind: 'rejected',
      code: 'plan_invalid',
      detail:
        'the plan has 4 faults: /plan/tasks/0/x: unknown field; /plan/tasks/0/y: unknown field; /plan/tasks/1/z: unknown field',
      errors: [{ pointer: '/plan/tasks/0/x', message: 'unknown field' }, {}, {}, {}],
    });
  });
});
