import { expect, it } from 'vitest';
import type { Random } from '../random.ts';

/** What every {@link Random} has to keep. `open` makes one that has nothing to do with the one before. */
export function randomContract(open: () => Random): void {
  it.each([0, 1, 31, 32, 33, 1000])('gives %i bytes when asked for them', (count) => {
    expect(open().bytes(count)).toHaveLength(count);
  });

  it('does not give the same bytes twice, nor the same as another', () => {
    const [one, other] = [open(), open()];
    const drawn = Array.from({ length: 200 }, () => [one.bytes(16), other.bytes(16)]).flat();
    expect(new Set(drawn.map((bytes) => bytes.toString('hex'))).size).toBe(400);
  });

  it('gives bytes that are the caller’s own', () => {
    const random = open();
    const first = random.bytes(8);
    const copy = Buffer.from(first);
    random.bytes(8).fill(0);
    random.bytes(64);
    expect(first).toEqual(copy);
  });

  it('spreads its bytes over all values, and its numbers over 0 ≤ x < 1', () => {
    const random = open();
    const bytes = random.bytes(65_536);
    const counts = new Array<number>(256).fill(0);
    for (const byte of bytes) (counts[byte] as number)++;
    // 256 of each are expected; 130 below or above is eight standard deviations.
    expect(Math.max(...counts.map((count) => Math.abs(count - 256)))).toBeLessThan(130);
    const numbers = Array.from({ length: 10_000 }, () => random.number());
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    const tenths = new Set(numbers.map((number) => Math.floor(number * 10)));
    expect(tenths.size).toBe(10);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    // The mean of so many has a standard deviation of 0.003.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.025);
  });
}
