import { describe, expect, it } from 'vitest';
import type { Json } from '../../kernel/envelope.ts';
import { checkPlan } from './plan-check.ts';
import { resolveInput } from './references.ts';

const faults = (input: unknown, ...more: readonly object[]): readonly string[] => {
  const tasks = [
    { key: 'far', type: 'noop' },
    { key: 'near', type: 'noop', dependsOn: ['far'] },
    { key: 'aside', type: 'noop' },
    { key: 'it', type: 'noop', dependsOn: ['near'], input },
    ...more,
  ];
  const checked = checkPlan({ tasks }, { priority: 5 });
  return checked.ok ? [] : checked.faults.map(({ pointer, message }) => `${pointer} ${message}`);
};

describe('a reference', () => {
  it.each([
    [{ $from: 'near' }],
    [{ $from: 'far', pointer: '' }],
    [{ deep: [{ in: { $from: 'far', pointer: '/a~1b/~0/0' } }] }],
    [[{ $from: 'near', pointer: '/x' }, { $from: 'far' }]],
  ])('may stand anywhere, and name what is upstream, near or far: %j', (input) => {
    expect(faults(input)).toEqual([]);
  });

  it.each([
    ['aside', 'a task beside'],
    ['it', 'itself'],
    ['after', 'a task behind'],
    ['nobody', 'nobody'],
    ['constructor', 'what every object has'],
  ])('does not name %s (%s)', (key) => {
    expect(faults({ x: [{ $from: key }] }, { key: 'after', type: 'noop', dependsOn: ['it'] })).toEqual([
      `/tasks/3/input/x/0/$from expected a task that it depends on, found "${key}"`,
    ]);
  });

  it.each(['x', '/~2', '/a~', '~'])('has no pointer %j', (pointer) => {
    expect(faults({ 'a/b': { $from: 'near', pointer } })).toEqual([
      `/tasks/3/input/a~1b/pointer expected a JSON pointer (RFC 6901), found ${JSON.stringify(pointer)}`,
    ]);
  });

  it('is nothing but a key and a pointer', () => {
    expect(faults({ $from: 'near', pointer: 5, default: 1 })).toEqual([
      '/tasks/3/input/default unknown field beside $from',
      '/tasks/3/input/pointer expected a JSON pointer (RFC 6901), found 5',
    ]);
    expect(faults({ $from: 7 })).toEqual(['/tasks/3/input/$from expected the key of a task']);
  });
});

describe('an input', () => {
  const results: { readonly [key: string]: Json } = {
    a: { list: [10, { 'x/y': 1, '~': 2 }], '': 'empty', null: null, zero: 0 },
    b: 'text',
  };
  const resolve = (input: Json): Json => resolveInput(input, (key) => results[key]);

  it('takes whole results and parts of them (RFC 6901)', () => {
    const from = (pointer?: string) => resolve(pointer === undefined ? { $from: 'a' } : { $from: 'a', pointer });
    expect(from()).toBe(results['a']);
    expect(from('')).toBe(results['a']);
    expect(from('/list/0')).toBe(10);
    expect(from('/list/1/x~1y')).toBe(1);
    expect(from('/list/1/~0')).toBe(2);
    expect(from('/')).toBe('empty');
    expect(from('/zero')).toBe(0);
  });

  it.each(['/no', '/list/2', '/list/-', '/list/00', '/list/0/x', '/null/x', '/toString', '/list/length'])(
    'takes null where nothing stands: %s',
    (pointer) => {
      expect(resolve({ $from: 'a', pointer })).toBe(null);
    },
  );

  it('takes null from a task that has no result, and nothing out of text', () => {
    expect(resolve({ x: { $from: 'failed', pointer: '/x' } })).toEqual({ x: null });
    expect(resolve({ $from: 'b', pointer: '/length' })).toBe(null);
  });

  it('stays as it is around them', () => {
    expect(resolve({ a: [1, null, 'x', { b: { $from: 'b' } }], from: 'b', $FROM: 1 })).toEqual({
      a: [1, null, 'x', { b: 'text' }],
      from: 'b',
      $FROM: 1,
    });
  });
});
