import { describe, expect, it } from 'vitest';
import { AstraError } from '../kernel/errors.ts';
import { agentInput, agentPatch, messageInput } from './agent/input.ts';
import { agentJsonBytesMax, goalTextMax, labelsMax, messageBytesMax } from './bounds.ts';
import { goalInput } from './goal/input.ts';
import { readInput, reasonInput, taskId } from './input.ts';
import { signalInput } from './task/input.ts';
import { newId } from './testing/scenes.ts';

const agentId = newId('ag');
const plan = { tasks: [] };

/** The pointers of the faults; none when it is taken. */
function pointersOf(schema: Parameters<typeof readInput>[0], input: unknown): readonly string[] {
  try {
    readInput(schema, input);
    return [];
  } catch (error) {
    if (!(error instanceof AstraError)) throw error;
    expect(error.code).toBe('invalid_input');
    return (error.errors ?? []).map(({ pointer }) => pointer);
  }
}

describe('an input', () => {
  it('that is faulty is refused once, with every fault and where it is', () => {
    const input = { agentId: 'ag_1', priority: 12, 'a/b': 1, labels: { 'bad key': 'x', ok: '' }, dependsOn: ['gl_1'] };
    expect([...pointersOf(goalInput, input)].sort()).toEqual([
      '/agentId',
      '/a~1b',
      '/dependsOn/0',
      '/labels/bad key',
      '/labels/ok',
      '/priority',
    ]);
  });

  it.each([undefined, null, 'text', 5, [], true])('is not %j', (input) => {
    expect(pointersOf(goalInput, input)).toEqual(['']);
    expect(pointersOf(agentInput, input)).toEqual(['']);
  });

  it('that is too deep, or no JSON, is refused before anything takes it apart', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    for (const config of [deep, 1n, Buffer.from('x'), Number.NaN, '\ud800', new Date(0), new Map()])
      expect(pointersOf(agentInput, { name: 'Ada', config })).toEqual([expect.stringMatching(/^\/config/)]);
  });

  it('says in its message what is wrong, three faults at most', () => {
    const read = () => readInput(agentInput, { name: '', kind: 'A', priority: 1.5, tags: [1] });
    expect(read).toThrow(/^the input has 4 faults: \/name: .*; \/kind: .*; \/(tags|priority)/);
    expect(() => readInput(reasonInput, { reason: '' })).toThrow(
      'the input has a fault: /reason: expected at least one printable character',
    );
  });
});

describe('a name', () => {
  const named = (name: unknown) => pointersOf(agentInput, { name });

  it('is one line of 1 to 100 printable characters, trimmed and composed', () => {
    expect(readInput(agentInput, { name: '  Zoe\u0308  ' }).name).toBe('Zoë');
    for (const name of ['A', 'x'.repeat(100), '🙂'.repeat(100), '日本', 'نام\u200cها', '👩\u200d🚀', '-'])
      expect(named(name)).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['blanks', '  \t '],
    ['101 characters', 'x'.repeat(101)],
    ['NUL', 'a\0b'],
    ['a line break', 'a\nb'],
    ['an escape', 'a\u001b[31m'],
    ['C1', 'a\u0085b'],
    ['a line separator', 'a\u2028b'],
    ['a turn of direction', 'a\u202eb'],
    ['what shows nothing', '\u200b'],
    ['only a joiner', '\u200d'],
    ['half a character', 'a\ud83d'],
    ['a number', 5],
  ])('is not %s', (_what, name) => {
    expect(named(name)).toContain('/name');
  });
});

describe('a goal', () => {
  const goal = (more: object) => pointersOf(goalInput, { agentId, plan, ...more });

  it('needs a text or a plan, and has defaults', () => {
    expect(readInput(goalInput, { agentId, text: 'do it' })).toEqual({
      agentId,
      text: 'do it',
      priority: 5,
      dependsOn: [],
      requireApproval: false,
      labels: {},
    });
    expect(pointersOf(goalInput, { agentId })).toEqual(['']);
  });

  it.each([
    ['/text', { text: '' }],
    ['/text', { text: 'a\0b' }],
    ['/text', { text: 'x'.repeat(goalTextMax + 1) }],
    ['/plan', { plan: 'later' }],
    ['/plan/tasks', { plan: { tasks: 'none' } }],
    ['/priority', { priority: -1 }],
    ['/priority', { priority: '5' }],
    ['/dependsOn', { dependsOn: Array.from({ length: 1001 }, () => newId('gl')) }],
    ['/dependsOn', { dependsOn: [newId('gl')].flatMap((id) => [id, id]) }],
    ['/dependsOn/0', { dependsOn: [newId('ag')] }],
    ['/deadline', { deadline: 'tomorrow' }],
    ['/deadline', { deadline: '2027-02-30T00:00:00Z' }],
    ['/deadline', { deadline: '2027-01-01' }],
    ['/requireApproval', { requireApproval: 'yes' }],
    ['/labels', { labels: Object.fromEntries(Array.from({ length: labelsMax + 1 }, (_, i) => [`l${i}`, 'x'])) }],
    ['/labels/a', { labels: { a: 1 } }],
    ['/subject', { subject: ' ' }],
  ])('is refused at %s', (pointer, more) => {
    expect(goal(more)).toEqual([pointer]);
  });
});

describe('an agent', () => {
  const agent = (more: object) => pointersOf(agentInput, { name: 'Ada', ...more });

  it('has defaults', () => {
    expect(readInput(agentInput, { name: 'Ada' })).toEqual({
      name: 'Ada',
      kind: 'agent',
      systemPrompt: '',
      config: {},
      tags: [],
      allowedTools: [],
      priority: 5,
      parentId: null,
      maxConcurrentGoals: 1000,
      metadata: {},
      supervision: { policy: 'restart', maxRestarts: 3, withinMs: 60_000 },
      subject: null,
    });
  });

  it.each([
    ['/kind', { kind: 'An Agent' }],
    ['/systemPrompt', { systemPrompt: 'a\0' }],
    ['/config', { config: 'x'.repeat(agentJsonBytesMax) }],
    ['/metadata', { metadata: { a: 'x'.repeat(agentJsonBytesMax) } }],
    ['/tags', { tags: Array.from({ length: 65 }, (_, i) => `t${i}`) }],
    ['/tags/0', { tags: ['a\nb'] }],
    ['/allowedTools/0', { allowedTools: ['Shell'] }],
    ['/parentId', { parentId: newId('gl') }],
    ['/supervision/policy', { supervision: { policy: 'forgive' } }],
    ['/supervision/withinMs', { supervision: { withinMs: 0 } }],
    ['/maxConcurrentGoals', { maxConcurrentGoals: 0 }],
    ['/maxConcurrentGoals', { maxConcurrentGoals: 1_000_001 }],
  ])('is refused at %s', (pointer, more) => {
    expect(agent(more)).toEqual([pointer]);
  });

  it('changes in at least one field, but never in whose data or whose child it is', () => {
    expect(readInput(agentPatch, { priority: 1, tags: [] })).toEqual({ priority: 1, tags: [] });
    expect(pointersOf(agentPatch, { parentId: null })).toContain('/parentId');
    expect(pointersOf(agentPatch, {})).toEqual(['']);
    expect(pointersOf(agentPatch, { subject: 'ada' })).toContain('/subject');
    expect(pointersOf(agentPatch, { id: agentId })).toContain('/id');
  });
});

describe('messages, signals, reasons and ids', () => {
  it('are taken within their bounds', () => {
    expect(readInput(messageInput, { type: ' note ' })).toEqual({ type: 'note', payload: null });
    expect(pointersOf(messageInput, { type: 'n', payload: 'x'.repeat(messageBytesMax) })).toEqual(['/payload']);
    expect(readInput(signalInput, { name: 'stop', payload: [1] })).toEqual({ name: 'stop', payload: [1] });
    expect(pointersOf(signalInput, { payload: 1 })).toEqual(['/name']);
    expect(readInput(reasonInput, {})).toEqual({});
    expect(pointersOf(reasonInput, { reason: 'x'.repeat(1001) })).toEqual(['/reason']);
    expect(pointersOf(reasonInput, { reason: 'x', code: 'agent_stopped' })).toEqual(['/code']);
  });

  it('of tasks are their goal’s, a dot and a key', () => {
    const goal = newId('gl');
    for (const id of [`${goal}.a`, `${goal}._plan`, `${goal}.${'k'.repeat(64)}`])
      expect(readInput(taskId, id)).toBe(id);
    for (const id of [goal, `${goal}.`, `${goal}.a.b`, `.a`, `gl_1.a`, `${newId('ag')}.a`, `${goal}.${'k'.repeat(65)}`])
      expect(pointersOf(taskId, id)).toEqual(['']);
  });
});
