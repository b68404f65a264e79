import { describe, expect, test } from 'vitest';
import { LastLine } from './last-line.ts';

const lastOf = (...chunks: readonly string[]): string | undefined => {
  const line = new LastLine(10);
  for (const chunk of chunks) line.write(Buffer.from(chunk));
  return line.get();
};

describe('LastLine', () => {
  test('is the last one that is not blank, with or without its end', () => {
    expect(lastOf('a\nb')).toBe('b');
    expect(lastOf('a\nb\n\n \t\r\n')).toBe('b');
    expect(lastOf(' a \n')).toBe('a');
    expect(lastOf()).toBeUndefined();
    expect(lastOf('\n\n')).toBeUndefined();
  });

  test('may come in pieces', () => {
    expect(lastOf('x\nab', 'c', 'd\n')).toBe('abcd');
    expect(lastOf('x', '\n', 'y', '\n')).toBe('y');
  });

  test('is nothing when it is too long, not the line before it', () => {
    expect(lastOf('short\n', '01234567890\n')).toBeUndefined();
    expect(lastOf('01234567890\nshort\n')).toBe('short');
  });
});
