import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pack, unpack } from './codec.ts';
import { MsgpackReader } from './msgpack-reader.ts';

/** Every kind and every width of it that {@link pack} writes. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.integer({ min: -70_000, max: 70_000 }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ maxLength: 20 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value;

describe('the reader of msgpack', () => {
  it('reads what unpack reads', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = pack(value);
        expect(new MsgpackReader(bytes).value()).toEqual(unpack(bytes));
      }),
    );
  });

  it('reads long texts, lists, maps and bytes', () => {
    const long = {
      text: 'ä'.repeat(70_000),
      bytes: Buffer.alloc(70_000, 1),
      list: Array.from({ length: 70_000 }, (_, i) => i),
      map: Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
    };
    const bytes = pack(long);
    expect(new MsgpackReader(bytes).value()).toEqual(long);
    const reader = new MsgpackReader(Buffer.concat([bytes, pack('behind')]));
    reader.skip();
    expect(reader.value()).toBe('behind');
  });

  it('goes past whatever it does not read', () => {
    fc.assert(
      fc.property(values, (value) => {
        const reader = new MsgpackReader(Buffer.concat([pack(value), pack('behind')]));
        reader.skip();
        expect(reader.value()).toBe('behind');
      }),
    );
  });

  it('refuses bytes that end too early, and kinds that are no plain value', () => {
    const bytes = pack({ key: ['text', 1.5, Buffer.from('bytes')] });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => new MsgpackReader(bytes.subarray(0, length)).value()).toThrow('expected');
      expect(() => new MsgpackReader(bytes.subarray(0, length)).skip()).toThrow('expected');
    }
    for (const kind of [0xc1, 0xc7, 0xcf, 0xd4]) {
      const other = Buffer.from([kind, 1, 1, 1, 1, 1, 1, 1, 1]);
      expect(() => new MsgpackReader(other).value()).toThrow('expected a plain value');
      expect(() => new MsgpackReader(other).skip()).toThrow('expected a plain value');
    }
    expect(() => new MsgpackReader(pack(1)).map()).toThrow('expected a map, found');
    expect(() => new MsgpackReader(pack(1)).list()).toThrow('expected a list, found');
    expect(() => new MsgpackReader(pack(1)).text()).toThrow('expected a text, found');
    expect(() => new MsgpackReader(pack('1')).number()).toThrow('expected a number, found');
    expect(() => new MsgpackReader(pack('1')).bytes()).toThrow('expected bytes, found');
  });
});
