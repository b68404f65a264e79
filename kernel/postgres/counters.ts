/** Channel counters as columns `sent` and `got` hold them: one big-endian u64 a shard. */
export function encodeCounters(counters: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(counters.length * 8);
  let at = 0;
  for (const counter of counters) {
    at = out.writeUInt32BE(Math.floor(counter / 2 ** 32), at);
    at = out.writeUInt32BE(counter % 2 ** 32, at);
  }
  return out;
}

export function decodeCounters(bytes: Buffer): number[] {
  return Array.from(
    { length: bytes.length / 8 },
    (_, i) => bytes.readUInt32BE(i * 8) * 2 ** 32 + bytes.readUInt32BE(i * 8 + 4),
  );
}
