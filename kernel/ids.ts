import { createHash } from 'node:crypto';

/** Ids: a prefix, an underscore and 26 characters of lower-case Crockford base32, big endian, over 16 bytes. */

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const values = new Int8Array(128).fill(-1);
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;

const idLength = 26;

const characters = Buffer.from(alphabet, 'latin1');
const underscore = 0x5f;
/** An id is put together here: adding characters to a text one by one costs three times as much. */
const scratch = Buffer.alloc(64);

/** `prefix_` and the 26 characters of 16 bytes (130 bits, so the first character is 0 … 7). */
export function encodeId(prefix: string, bytes: Uint8Array): string {
  let at = prefix.length;
  for (let i = 0; i < at; i++) scratch[i] = prefix.charCodeAt(i);
  scratch[at++] = underscore;
  let bits = 2;
  let buffer = 0;
  for (let i = 0; i < 16; i++) {
    buffer = (buffer << 8) | (bytes[i] as number);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      scratch[at++] = characters[(buffer >>> bits) & 31] as number;
    }
    buffer &= (1 << bits) - 1;
  }
  return scratch.toString('latin1', 0, at);
}

/** The 16 bytes of an id. Throws a RangeError when the text is no id. */
export function decodeId(id: string): Buffer {
  const start = id.indexOf('_') + 1;
  if (start === 0 || id.length - start !== idLength) throw new RangeError(`not an id: ${id.slice(0, 80)}`);
  const bytes = Buffer.allocUnsafe(16);
  let buffer = 0;
  let bits = -2;
  let at = 0;
  for (let i = start; i < id.length; i++) {
    const value = values[id.charCodeAt(i)] ?? -1;
    if (value < 0 || (i === start && value > 7)) throw new RangeError(`not an id: ${id.slice(0, 80)}`);
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (buffer >>> bits) & 255;
      buffer &= (1 << bits) - 1;
    }
  }
  return bytes;
}

/** Whether a text is an id with this prefix. */
export function isId(prefix: string, text: string): boolean {
  if (text.length !== prefix.length + 1 + idLength || !text.startsWith(`${prefix}_`)) return false;
  for (let i = prefix.length + 1; i < text.length; i++) if ((values[text.charCodeAt(i)] ?? -1) < 0) return false;
  return (values[text.charCodeAt(prefix.length + 1)] as number) < 8;
}

function stamp(bytes: Buffer, version: 7 | 8): Buffer {
  bytes[6] = ((bytes[6] as number) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes;
}

/** A UUIDv7 (RFC 9562): 48 bits of milliseconds, then chance. `entropy` is 10 bytes. */
export function timeId(prefix: string, nowMs: number, entropy: Uint8Array): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.set(entropy.subarray(0, 10), 6);
  return encodeId(prefix, stamp(bytes, 7));
}

/** 128 bits of SHA-256 over the parts, NUL between them, marked as a UUIDv8 (RFC 9562): the same parts, the same id. */
export function derivedId(prefix: string, ...parts: readonly string[]): string {
  const digest = createHash('sha256').update(parts.join('\0'), 'utf8').digest().subarray(0, 16);
  return encodeId(prefix, stamp(Buffer.from(digest), 8));
}

/** The milliseconds a UUIDv7 id was made at; undefined for derived ids. */
export function idTimeMs(id: string): number | undefined {
  const bytes = decodeId(id);
  return (bytes[6] as number) >> 4 === 7 ? bytes.readUIntBE(0, 6) : undefined;
}
