import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parsePlanFile, readPlanFile } from './plan-file.ts';

const parse = (content: string, ...inputs: string[]) => parsePlanFile(content, 'plan.yaml', inputs);

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing thrown';
};

test('a plan in YAML, with its header, becomes the body of a goal', () => {
  const plan = parse('agent: census\ntext: count\npriority: 2\ntasks:\n  - { key: a, type: noop }\n');
  expect(plan).toEqual({
    agent: 'census',
    goal: { text: 'count', priority: 2, plan: { tasks: [{ key: 'a', type: 'noop' }] } },
    taskCount: 1,
  });
});

test('JSON is read too, and tasks may stand under plan', () => {
  const plan = parse('{"plan":{"tasks":[{"key":"a","type":"noop"}]},"labels":{"a":"b"}}');
  expect(plan.goal).toEqual({ plan: { tasks: [{ key: 'a', type: 'noop' }] }, labels: { a: 'b' } });
});

test('inputs are put into texts; a text that is one input keeps its type', () => {
  const plan = parse(
    `inputs:
  dir: { default: "." }
  depth: { type: number }
  deep: true
  more: { type: json, default: { a: [1] } }
tasks:
  - key: a
    type: shell
    input: { command: "ls \${inputs.dir} $\${inputs.dir}", depth: "\${inputs.depth}", note: "d=\${inputs.depth}", deep: "\${inputs.deep}", more: "\${inputs.more}" }
`,
    'dir=/tmp/a b',
    'depth=3',
    'deep=false',
  );
  expect(plan.goal['plan']).toEqual({
    tasks: [
      {
        key: 'a',
        type: 'shell',
        input: { command: `ls /tmp/a b \${inputs.dir}`, depth: 3, note: 'd=3', deep: false, more: { a: [1] } },
      },
    ],
  });
});

test('an input cannot change the structure of the plan', () => {
  const value = `"}, {key: evil, type: shell}]\n- x: "\${inputs.b}`;
  const plan = parse(`inputs: { a: "", b: "" }\ntasks: [{ key: k, type: t, input: "\${inputs.a}" }]`, `a=${value}`);
  expect(plan.goal['plan']).toEqual({ tasks: [{ key: 'k', type: 't', input: value }] });
});

test.each([
  ['neither tasks nor plan', 'text: x', [], 'plan_file_invalid'],
  ['both', 'tasks: []\nplan: { tasks: [] }', [], 'plan_file_invalid'],
  ['no object', '- a', [], 'plan_file_invalid'],
  ['nothing', '', [], 'plan_file_invalid'],
  ['broken YAML', 'tasks: [', [], 'plan_file_malformed'],
  ['broken JSON', '{"tasks": [}', [], 'plan_file_malformed'],
  ['a key given twice', 'tasks: []\ntasks: []', [], 'plan_file_malformed'],
  ['an unknown input', 'tasks: []', ['a=1'], 'input_unknown'],
  ['an input without a value', 'inputs: { a: x }\ntasks: []', ['a'], 'input_invalid'],
  ['a required input left out', 'inputs: { a: {} }\ntasks: []', [], 'input_missing'],
  ['a number that is none', 'inputs: { a: 1 }\ntasks: []', ['a=x'], 'input_invalid'],
  ['an undeclared reference', `tasks: [{ key: "\${inputs.a}" }]`, [], 'input_unknown'],
])('%s is refused', (_, content, inputs, expected) => {
  expect(code(() => parse(content, ...inputs))).toBe(expected);
});

test('a syntax error says where', () => {
  expect(() => parse('tasks:\n  - key: [a\n')).toThrow(/^plan\.yaml:\d+:\d+ is neither YAML nor JSON/);
});

test('a billion laughs do not hang it', () => {
  const levels = Array.from({ length: 20 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(',')}]`);
  expect(code(() => parse(`a0: &a0 lol\n${levels.join('\n')}\ntasks: []`))).toBe('plan_file_malformed');
});

test('a missing file and a directory are told apart', () => {
  const directory = mkdtempSync(join(tmpdir(), 'astra-plan-'));
  try {
    expect(code(() => readPlanFile(join(directory, 'none.yaml'), []))).toBe('plan_file_missing');
    expect(code(() => readPlanFile(directory, []))).toBe('plan_file_unreadable');
    writeFileSync(join(directory, 'a.yaml'), 'tasks: []');
    expect(readPlanFile(join(directory, 'a.yaml'), []).taskCount).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
