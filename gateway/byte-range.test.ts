import { describe, expect, it } from 'vitest';
import { byteRange } from './byte-range.ts';

describe('a range of ten bytes', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=3-5', { start: 3, end: 5 }],
    ['bytes=9-', { start: 9, end: 9 }],
    ['bytes=0-', { start: 0, end: 9 }],
    ['bytes=5-99', { start: 5, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-99', { start: 0, end: 9 }],
    ['  bytes=1-2 ', { start: 1, end: 2 }],
  ] as const)('%s is a part of them', (header, expected) => {
    expect(byteRange(header, 10)).toEqual(expected);
  });

  it.each(['', 'bytes', 'bytes=', 'bytes=-', 'bytes=5-3', 'bytes=0-1,3-4', 'bytes=a-b', 'items=0-1', 'bytes=1-2-3'])(
    '%s asks for all of them',
    (header) => {
      expect(byteRange(header, 10)).toBeUndefined();
    },
  );

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=999999999999999-'])('%s is none', (header) => {
    expect(() => byteRange(header, 10)).toThrow(expect.objectContaining({ code: 'range_not_satisfiable' }));
  });

  it('has nothing to give of nothing', () => {
    for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1'])
      expect(() => byteRange(header, 0)).toThrow(expect.objectContaining({ code: 'range_not_satisfiable' }));
    expect(byteRange('', 0)).toBeUndefined();
  });
});
