import { describe, expect, test } from 'vitest';
import { globMatches } from './glob.ts';

describe('globMatches', () => {
  test.each([
    ['*.txt', 'a.txt', true],
    ['*.txt', 'd/a.txt', false],
    ['**', 'a/b/c', true],
    ['**/*.txt', 'a.txt', true],
    ['**/*.txt', 'x/y/a.txt', true],
    ['d/**', 'd/x/y', true],
    ['d/**', 'e/x', false],
    ['a?.bin', 'ab.bin', true],
    ['a?.bin', 'a/.bin', false],
    ['*.{svg,png}', 'c.png', true],
    ['*.{svg,png}', 'c.pdf', false],
    ['a.c', 'abc', false],
    ['(a)+[b]^$|', '(a)+[b]^$|', true],
    ['{open', '{open', true],
    ['a}b', 'a}b', true],
    ['a,b', 'a,b', true],
    ['*', 'é😀', true],
    ['?', '😀', true],
  ])('%s and %s: %s', (glob, path, matches) => expect(globMatches(glob, path)).toBe(matches));
});
