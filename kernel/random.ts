import { createHash, randomBytes } from 'node:crypto';

/** The port to chance: nonces, kernel ids, jitter. Decisions draw from {@link seededRandom} instead. */
export interface Random {
  bytes(count: number): Buffer;
  /** 0 ≤ x < 1 */
  number(): number;
}

export class SystemRandom implements Random {
  bytes(count: number): Buffer {
    return randomBytes(count);
  }

  number(): number {
    return Math.random();
  }
}

/** A generator whose whole sequence follows from its seed. */
export interface SeededRandom extends Random {}

/** SHA-256 in counter mode over a 32-byte seed: the same seed, the same sequence, on any machine. */
export function seededRandom(seed: Uint8Array): SeededRandom {
  let counter = 0;
  let pool = Buffer.alloc(0);
  let used = 0;
  const bytes = (count: number): Buffer => {
    const out = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      if (used === pool.length) {
        const block = Buffer.allocUnsafe(4);
        block.writeUInt32BE(counter++);
        pool = createHash('sha256').update(seed).update(block).digest();
        used = 0;
      }
      const take = Math.min(count - filled, pool.length - used);
      pool.copy(out, filled, used, used + take);
      used += take;
      filled += take;
    }
    return out;
  };
  return { bytes, number: () => bytes(6).readUIntBE(0, 6) / 2 ** 48 };
}
