/**
 * Arrays in Postgres's binary format (src/backend/utils/adt/arrayfuncs.c, array_send and array_recv): `i32 dimensions,
 * i32 has nulls, u32 element type, i32 length, i32 lower bound`, then each element as `i32 bytes` (−1: null) and its bytes.
 * An empty array has no dimension, and ends behind its type. `pg` sends a Buffer parameter in binary, so whole columns
 * travel without being printed and parsed.
 */
const oid = { bytea: 17, int8: 20, int2: 21, int4: 23, text: 25 } as const;

const headBytes = 20;
const emptyBytes = 12;

/** Names a column of `T`: the value that goes into the array. */
type Pick<T, V> = (item: T) => V;

export function int2Array<T>(items: readonly T[], pick: Pick<T, number>): Buffer {
  const out = open(oid.int2, items.length, items.length * 6, false);
  let at = headBytes;
  for (const item of items) {
    at = out.writeInt32BE(2, at);
    at = out.writeInt16BE(pick(item), at);
  }
  return out;
}

export function int4Array<T>(items: readonly T[], pick: Pick<T, number>): Buffer {
  const out = open(oid.int4, items.length, items.length * 8, false);
  let at = headBytes;
  for (const item of items) {
    at = out.writeInt32BE(4, at);
    at = out.writeInt32BE(pick(item), at);
  }
  return out;
}

/** Values are whole numbers from 0 to 2^53, or bigints. */
export function int8Array<T>(items: readonly T[], pick: Pick<T, number | bigint>): Buffer {
  const out = open(oid.int8, items.length, items.length * 12, false);
  let at = headBytes;
  for (const item of items) {
    const value = pick(item);
    at = out.writeInt32BE(8, at);
    if (typeof value === 'bigint') at = out.writeBigInt64BE(value, at);
    else {
      at = out.writeUInt32BE(Math.floor(value / 2 ** 32), at);
      at = out.writeUInt32BE(value % 2 ** 32, at);
    }
  }
  return out;
}

export function byteaArray<T>(items: readonly T[], pick: Pick<T, Buffer | null>): Buffer {
  let size = 0;
  let nulls = false;
  for (const item of items) {
    const value = pick(item);
    size += 4 + (value === null ? 0 : value.length);
    nulls ||= value === null;
  }
  const out = open(oid.bytea, items.length, size, nulls);
  let at = headBytes;
  for (const item of items) {
    const value = pick(item);
    at = out.writeInt32BE(value === null ? -1 : value.length, at);
    if (value !== null) at += value.copy(out, at);
  }
  return out;
}

export function textArray<T>(items: readonly T[], pick: Pick<T, string | null>): Buffer {
  let size = 0;
  let nulls = false;
  for (const item of items) {
    const value = pick(item);
    size += 4 + (value === null ? 0 : Buffer.byteLength(value));
    nulls ||= value === null;
  }
  const out = open(oid.text, items.length, size, nulls);
  let at = headBytes;
  for (const item of items) {
    const value = pick(item);
    const length = value === null ? 0 : out.write(value, at + 4, 'utf8');
    out.writeInt32BE(value === null ? -1 : length, at);
    at += 4 + length;
  }
  return out;
}

/** The bytes of an array with its head written: one dimension from 1. */
function open(type: number, length: number, elementBytes: number, nulls: boolean): Buffer {
  const out = Buffer.allocUnsafe(length === 0 ? emptyBytes : headBytes + elementBytes);
  out.writeInt32BE(length === 0 ? 0 : 1, 0);
  out.writeInt32BE(nulls ? 1 : 0, 4);
  out.writeUInt32BE(type, 8);
  if (length === 0) return out;
  out.writeInt32BE(length, 12);
  out.writeInt32BE(1, 16);
  return out;
}

/** The integers of an int2[], int4[] or int8[] without nulls, in binary. Throws a RangeError when it is something else. */
export function readIntegers(array: Buffer): number[] {
  const length = elements(array);
  const values = new Array<number>(length);
  let at = headBytes;
  for (let i = 0; i < length; i++) {
    const bytes = array.readInt32BE(at);
    at += 4;
    if (bytes === 8) values[i] = array.readInt32BE(at) * 2 ** 32 + array.readUInt32BE(at + 4);
    else if (bytes === 4) values[i] = array.readInt32BE(at);
    else if (bytes === 2) values[i] = array.readInt16BE(at);
    else throw new RangeError(`expected an integer of 2, 4 or 8 bytes, found ${bytes}`);
    at += bytes;
  }
  return values;
}

/** The values of a bytea[] without nulls, in binary: views into `array`. */
export function readBytes(array: Buffer): Buffer[] {
  const length = elements(array);
  const values = new Array<Buffer>(length);
  let at = headBytes;
  for (let i = 0; i < length; i++) {
    const bytes = array.readInt32BE(at);
    if (bytes < 0) throw new RangeError('expected bytes, found null');
    at += 4;
    values[i] = array.subarray(at, at + bytes);
    at += bytes;
  }
  return values;
}

function elements(array: Buffer): number {
  const dimensions = array.readInt32BE(0);
  if (dimensions > 1) throw new RangeError(`expected an array of one dimension, found ${dimensions}`);
  return dimensions === 0 ? 0 : array.readInt32BE(12);
}
