import { describe, expect, it } from 'vitest';
import { canonicalJson, fingerprint } from './fingerprint.ts';

describe('a fingerprint', () => {
  it('is the same for equal values, whatever the order of their keys', () => {
    const value = { b: [1, { d: null, c: 'x' }], a: true };
    expect(canonicalJson(value)).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
    expect(fingerprint({ a: true, b: [1, { c: 'x', d: null }] })).toBe(fingerprint(value));
  });

  it('does not mind what is not there, and minds what is null', () => {
    expect(fingerprint({ a: 1, b: undefined })).toBe(fingerprint({ a: 1 }));
    expect(fingerprint({ a: 1, b: null })).not.toBe(fingerprint({ a: 1 }));
  });

  it('tells text from numbers, and lists from what is in them', () => {
    const values = [1, '1', [1], ['1'], { 0: 1 }, null, 'null', [], {}, [[]], ''];
    expect(new Set(values.map((value) => fingerprint(value))).size).toBe(values.length);
  });

  it('is SHA-256 in hex of the canonical text, for ever', () => {
    expect(fingerprint({ b: 1, a: ['é', 1.5] })).toBe(
      '8ddfe42e7f80f256278f5653c374b1bc77a258ac36a17617bcf255ef9260ebfd',
    );
  });
});
