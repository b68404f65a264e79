/**
 * Arrays in Postgres's binary format (src/backend/utils/adt/arrayfuncs.c, array_recv): `i32 dimensions, i32 has nulls,
 * u32 element type, i32 length, i32 lower bound`, then each element as `i32 bytes` (−1: null) and its bytes. `pg` sends a
 * Buffer parameter in binary, so a whole column travels without being printed and parsed.
 */
const oid = { bytea: 17, int8: 20, int2: 21, int4: 23, text: 25 } as const;

const headBytes = 20;

function head(out: Buffer, type: number, length: number, nulls: boolean): number {
  out.writeInt32BE(1, 0);
  out.writeInt32BE(nulls ? 1 : 0, 4);
  out.writeUInt32BE(type, 8);
  out.writeInt32BE(length, 12);
  return out.writeInt32BE(1, 16);
}

function empty(type: number): Buffer {
  const out = Buffer.alloc(12);
  out.writeUInt32BE(type, 8);
  return out;
}

export function int2Array(values: readonly number[]): Buffer {
  if (values.length === 0) return empty(oid.int2);
  const out = Buffer.allocUnsafe(headBytes + values.length * 6);
  let at = head(out, oid.int2, values.length, false);
  for (const value of values) at = out.writeInt16BE(value, out.writeInt32BE(2, at));
  return out;
}

export function int4Array(values: readonly number[]): Buffer {
  if (values.length === 0) return empty(oid.int4);
  const out = Buffer.allocUnsafe(headBytes + values.length * 8);
  let at = head(out, oid.int4, values.length, false);
  for (const value of values) at = out.writeInt32BE(value, out.writeInt32BE(4, at));
  return out;
}

/** Values are whole numbers from 0 to 2^53, or bigints. */
export function int8Array(values: readonly (number | bigint)[]): Buffer {
  if (values.length === 0) return empty(oid.int8);
  const out = Buffer.allocUnsafe(headBytes + values.length * 12);
  let at = head(out, oid.int8, values.length, false);
  for (const value of values) {
    at = out.writeInt32BE(8, at);
    if (typeof value === 'bigint') at = out.writeBigInt64BE(value, at);
    else {
      at = out.writeUInt32BE(Math.floor(value / 2 ** 32), at);
      at = out.writeUInt32BE(value % 2 ** 32, at);
    }
  }
  return out;
}

export const byteaArray = (values: readonly (Buffer | null)[]): Buffer => chunks(oid.bytea, values);

export const textArray = (values: readonly string[]): Buffer =>
  chunks(
    oid.text,
    values.map((value) => Buffer.from(value, 'utf8')),
  );

function chunks(type: number, values: readonly (Buffer | null)[]): Buffer {
  if (values.length === 0) return empty(type);
  let size = headBytes;
  let nulls = false;
  for (const value of values) {
    size += 4 + (value?.length ?? 0);
    nulls ||= value === null;
  }
  const out = Buffer.allocUnsafe(size);
  let at = head(out, type, values.length, nulls);
  for (const value of values) {
    if (value === null) {
      at = out.writeInt32BE(-1, at);
      continue;
    }
    at = out.writeInt32BE(value.length, at);
    at += value.copy(out, at);
  }
  return out;
}
