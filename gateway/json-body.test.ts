import { describe, expect, it } from 'vitest';
import type { AstraError } from '../kernel/errors.ts';
import { jsonDepthMax } from './bounds.ts';
import { parseJson } from './json-body.ts';

const parse = (text: string): unknown => parseJson(Buffer.from(text));

function refusalOf(body: string | Uint8Array): AstraError {
  try {
    parseJson(Buffer.from(body as string));
  } catch (error) {
    return error as AstraError;
  }
  throw new Error('expected a refusal');
}

const pointersOf = (text: string): readonly string[] => {
  const { code, errors = [] } = refusalOf(text);
  expect(code).toBe('invalid_input');
  return errors.map(({ pointer }) => pointer);
};

describe('a body', () => {
  it('is what JSON says', () => {
    expect(parse('{"a":[1,"\\u00e9","é","\\ud83d\\ude00"],"b":{"c":null}}')).toEqual({
      a: [1, 'é', 'é', '😀'],
      b: { c: null },
    });
  });

  it('that is no JSON, or no UTF-8, is malformed', () => {
    for (const text of ['', '{', '{"a":}', "{'a':1}", '{"a":1}{}', 'NaN', '{"a":1,}'])
      expect(refusalOf(text).code).toBe('malformed_json');
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
    ])
      expect(refusalOf(Uint8Array.from(bytes)).message).toBe('expected UTF-8 in the body, found other bytes');
  });

  it('nests as deep as a bound says and no deeper, before anything walks it', () => {
    const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
    expect(() => parse(nested(jsonDepthMax))).not.toThrow();
    expect(refusalOf(nested(jsonDepthMax + 2)).code).toBe('malformed_json');
    expect(refusalOf('['.repeat(1_000_000)).code).toBe('malformed_json');
    // Brackets in texts are no nesting, and lists beside each other are none either.
    expect(parse(`["${'['.repeat(1000)}\\"${'['.repeat(1000)}"]`)).toHaveLength(1);
    expect(parse(`[${Array.from({ length: 1000 }, () => '[]').join()}]`)).toHaveLength(1000);
  });

  it('has no NUL in any text, name or value, and no half of a character', () => {
    expect(pointersOf('{"a":["x","\\u0000"]}')).toEqual(['/a/1']);
    expect(pointersOf('{"a\\u0000":1}')).toEqual(['/a\\0']);
    expect(pointersOf('{"a":{"b":"\\ud800"},"c":"\\udc00\\ud800"}')).toEqual(['/a/b', '/c']);
    expect(pointersOf('{"a/b~c":"\\u0000"}')).toEqual(['/a~1b~0c']);
  });

  it('names nothing that programs stumble over, however it is spelled', () => {
    expect(pointersOf('{"a":{"__proto__":{"isAdmin":true}}}')).toEqual(['/a/__proto__']);
    expect(pointersOf('{"__pr\\u006fto__":1}')).toEqual(['/__proto__']);
    expect(parse('{"a":"__proto__"}')).toEqual({ a: '__proto__' });
  });

  it('with many faults names some of them', () => {
    expect(pointersOf(`[${Array.from({ length: 1000 }, () => '"\\u0000"').join()}]`)).toHaveLength(20);
  });
});
