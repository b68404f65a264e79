import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeId, derivedId, encodeId, idTimeMs, isId, timeId } from './ids.ts';

describe('ids', () => {
  it('are 26 characters of base32 that give their 16 bytes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const id = encodeId('gl', bytes);
        expect(id).toMatch(/^gl_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
        expect([...decodeId(id)]).toEqual([...bytes]);
        expect(isId('gl', id)).toBe(true);
      }),
    );
  });

  it('sort as their bytes do', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (a, b) => {
          const bytes = Math.sign(Buffer.compare(a, b));
          const [ia, ib] = [encodeId('x', a), encodeId('x', b)];
          expect(ia < ib ? -1 : ia > ib ? 1 : 0).toBe(bytes);
        },
      ),
    );
  });

  it('carry the time they were made at, when made from time', () => {
    const id = timeId('gl', 1_700_000_000_123, Buffer.alloc(10, 0xff));
    expect(idTimeMs(id)).toBe(1_700_000_000_123);
    expect(decodeId(id)[6] as number).toBe(0x7f);
    expect((decodeId(id)[8] as number) >> 6).toBe(2);
  });

  it('are the same for the same parts, and differ where the parts are cut differently', () => {
    expect(derivedId('gl', 'default', 'goal.submit', 'k')).toBe(derivedId('gl', 'default', 'goal.submit', 'k'));
    expect(derivedId('gl', 'a', 'bc')).not.toBe(derivedId('gl', 'ab', 'c'));
    expect(idTimeMs(derivedId('gl', 'a', 'b'))).toBeUndefined();
  });

  it.each(['', 'gl', 'gl_', 'gl_0', `gl_${'8'.repeat(26)}`, `gl_${'0'.repeat(25)}u`, `gl_${'0'.repeat(25)}\0`])(
    'refuses %j',
    (text) => {
      expect(() => decodeId(text)).toThrow(RangeError);
      expect(isId('gl', text)).toBe(false);
    },
  );
});
