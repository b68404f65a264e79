import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SystemRandom, seededRandom } from './random.ts';
import { randomContract } from './testing/random.contract.ts';

describe('the machine’s chance', () => {
  randomContract(() => new SystemRandom());
});

describe('chance from a seed', () => {
  randomContract(() => seededRandom(randomBytes(32)));

  it('is the same sequence for the same seed, however it is drawn', () => {
    const seed = Buffer.alloc(32, 7);
    const whole = seededRandom(seed).bytes(100);
    const random = seededRandom(seed);
    const pieces = [1, 31, 33, 0, 35].map((count) => random.bytes(count));
    expect(Buffer.concat(pieces)).toEqual(whole);
    expect(seededRandom(Buffer.alloc(32, 8)).bytes(100)).not.toEqual(whole);
  });

  it('is this sequence on any machine', () => {
    const random = seededRandom(Buffer.alloc(32));
    expect(random.bytes(8).toString('hex')).toBe('6db65fd59fd356f6');
    expect(random.number()).toBe(0.4475288593924738);
  });
});
