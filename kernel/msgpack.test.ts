import fc from 'fast-check';
import { Packr, unpack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { packValue } from './msgpack.ts';

const reference = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true, moreTypes: false });

describe('msgpack as this writes it', () => {
  const edges: readonly [string, unknown][] = [
    ...[0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 1_795_619_132_928_498].map(
      (n): [string, unknown] => [`${n}`, n],
    ),
    ...[-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, 1.5].map((n): [string, unknown] => [
      `${n}`,
      n,
    ]),
    ...[0, 1, 31, 32, 48, 49, 255, 256, 65_535, 65_536].flatMap((length): [string, unknown][] => [
      [`${length} letters`, 'x'.repeat(length)],
      [`${length} times é`, 'é'.repeat(length)],
      [`${length} bytes`, new Uint8Array(length).fill(7)],
      [`a list of ${length}`, Array.from({ length }, (_, i) => i)],
    ]),
    ...[0, 15, 16, 70_000].map((size): [string, unknown] => [
      `a map of ${size}`,
      Object.fromEntries(Array.from({ length: size }, (_, i) => [`key${i}`, i])),
    ]),
    ['a letter that looks ASCII until its end', `${'a'.repeat(47)}é`],
    ['nil, nothing and truth', [null, undefined, true, false]],
    ['a field that is undefined', { a: undefined }],
  ];

  it.each(edges)('is what any other packer makes of %s', (_name, value) => {
    expect(packValue(value)).toEqual(reference.pack(value));
  });

  it('is what any other packer makes of any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(packValue(value)).toEqual(reference.pack(value));
      }),
    );
  });

  it('stays what it was when more is packed behind it', () => {
    const values = Array.from({ length: 3000 }, (_, i) => ({ i, text: 'x'.repeat(i % 97), list: [i, null] }));
    const packed = values.map(packValue);
    expect(packed.map((bytes) => unpack(bytes))).toEqual(values);
  });

  it('refuses what has no plain form, and goes on behind it', () => {
    expect(() => packValue({ a: 1n })).toThrow('found a bigint');
    expect(() => packValue([() => {}])).toThrow('found a function');
    const endless: unknown[] = [];
    endless.push(endless);
    expect(() => packValue(endless)).toThrow('in one another');
    expect(packValue('next')).toEqual(reference.pack('next'));
  });
});
