import { describe, expect, it } from 'vitest';
import { byteaArray, int2Array, int4Array, int8Array, readBytes, readIntegers, textArray } from './binary-array.ts';

const same = <T>(value: T): T => value;
const hex = (array: Buffer): string => array.toString('hex');

/** As `select encode(array_send(…), 'hex')` of PostgreSQL 18 has them. */
describe('binary arrays', () => {
  it('are what Postgres writes', () => {
    expect(hex(int2Array([1, -1], same))).toBe('00000001000000000000001500000002000000010000000200010000' + '0002ffff');
    expect(hex(int4Array([7], same))).toBe('000000010000000000000017000000010000000100000004' + '00000007');
    expect(hex(int8Array([2 ** 33 + 5], same))).toBe(
      '000000010000000000000014000000010000000100000008' + '0000000200000005',
    );
    expect(hex(byteaArray([Buffer.from([255]), null, Buffer.alloc(0)], same))).toBe(
      '0000000100000001000000110000000300000001' + '00000001ff' + 'ffffffff' + '00000000',
    );
    expect(hex(textArray(['ü'], same))).toBe('000000010000000000000019000000010000000100000002' + 'c3bc');
    expect(hex(textArray(['', null], same))).toBe('0000000100000001000000190000000200000001' + '00000000' + 'ffffffff');
  });

  it('have no dimension when they are empty', () => {
    expect(hex(int8Array([], same))).toBe('000000000000000000000014');
    expect(hex(byteaArray([], same))).toBe('000000000000000000000011');
    expect(readIntegers(int2Array([], same))).toEqual([]);
    expect(readBytes(byteaArray([], same))).toEqual([]);
  });

  it('come back as they were', () => {
    expect(readIntegers(int2Array([0, 32767, -32768], same))).toEqual([0, 32767, -32768]);
    expect(readIntegers(int4Array([0, 2 ** 31 - 1], same))).toEqual([0, 2 ** 31 - 1]);
    expect(readIntegers(int8Array([0, 2 ** 53 - 1, 5n], same))).toEqual([0, 2 ** 53 - 1, 5]);
    const bytes = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(70_000, 3)];
    expect(readBytes(byteaArray(bytes, same))).toEqual(bytes);
  });

  it('are refused when they are something else', () => {
    expect(() => readBytes(byteaArray([null], same))).toThrow(RangeError);
    expect(() => readIntegers(byteaArray([Buffer.alloc(3)], same))).toThrow(RangeError);
    expect(() => readIntegers(Buffer.from('000000020000000000000014', 'hex'))).toThrow(RangeError);
  });
});
