import { describe, expect, it } from 'vitest';
import { isJson, jsonBytes, notJsonAt } from './json.ts';

const nested = (levels: number): unknown =>
  levels === 0 ? 1 : levels % 2 === 0 ? [nested(levels - 1)] : { a: nested(levels - 1) };

describe('JSON', () => {
  it.each([null, true, 0, -1.5, '', 'ünï\0', [], {}, [[1], { a: [null] }], Object.create(null), { a: undefined }])(
    'is %j',
    (value) => {
      expect(isJson(value)).toBe(true);
    },
  );

  it.each([
    ['nothing', undefined],
    ['no number', Number.NaN],
    ['no end', Number.NEGATIVE_INFINITY],
    ['a large integer', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['bytes', Buffer.from('x')],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['an object of a class', new (class Thing {})()],
    ['half a character', '\ud800'],
    ['half a character in a key', { '\udc00': 1 }],
    ['any of these within', [{ a: [undefined] }]],
  ])('is not %s', (_what, value) => {
    expect(isJson(value)).toBe(false);
    expect(isJson([value])).toBe(false);
  });

  it('is 128 levels deep at most', () => {
    expect(isJson(nested(128))).toBe(true);
    expect(isJson(nested(129))).toBe(false);
  });

  it('is pointed into where it is none', () => {
    expect(notJsonAt({ a: [1, { 'b/c': 1n }] })).toBe('/a/1/b~1c');
    expect(notJsonAt([[], undefined])).toBe('/1');
    expect(notJsonAt(1n)).toBe('');
  });

  it('is measured in bytes, as it is written', () => {
    expect(jsonBytes({ a: 'é', b: [1, null] })).toBe(Buffer.byteLength('{"a":"é","b":[1,null]}'));
  });
});
