import { createHash, hash } from 'node:crypto';
import type { StoredEvent } from './event.ts';

/**
 * The hash chain (I9; docs/architecture.md, "Bytes"):
 *
 *   hash = SHA-256(previous hash ‖ u16 format ‖ u16 shard ‖ u64 seq ‖ u32 epoch ‖ u64 commit_seq ‖ u64 at in µs ‖ u32 version ‖
 *                  u16 schema ‖ length-prefixed (u32) org, actor type, actor key, event type, body)
 *
 * big endian, over names, not codes. The first previous hash of a shard is {@link genesisHash}.
 */
export const hashFormat = 1;

/** Bytes before the length-prefixed fields. */
const fixedBytes = 32 + 2 + 2 + 8 + 4 + 8 + 8 + 4 + 2;

/** SHA-256("astra" ‖ database id ‖ u16 shard): what the first event of a shard's log is chained to. */
export function genesisHash(databaseId: string, shard: number): Buffer {
  const tail = Buffer.allocUnsafe(2);
  tail.writeUInt16BE(shard);
  return createHash('sha256').update('astra').update(databaseId, 'utf8').update(tail).digest();
}

let scratch = Buffer.allocUnsafe(4096);

/** The hash of an event behind `previous` (32 bytes). */
export function eventHash(previous: Buffer, event: Omit<StoredEvent, 'hash'>): Buffer {
  const { org, actorType, actorKey, type, body } = event;
  const most = fixedBytes + 20 + 3 * (org.length + actorType.length + type.length) + actorKey.length + body.length;
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most * 2);
  const out = scratch;
  let at = previous.copy(out, 0);
  at = out.writeUInt16BE(hashFormat, at);
  at = out.writeUInt16BE(event.shard, at);
  at = u64(out, event.seq, at);
  at = out.writeUInt32BE(event.epoch, at);
  at = u64(out, event.commitSeq, at);
  at = u64(out, event.at, at);
  at = out.writeUInt32BE(event.version, at);
  at = out.writeUInt16BE(event.schema, at);
  at = text(out, org, at);
  at = text(out, actorType, at);
  at = bytes(out, actorKey, at);
  at = text(out, type, at);
  at = bytes(out, body, at);
  // By way of text, because a digest made as a Buffer costs three times as much.
  return Buffer.from(hash('sha256', out.subarray(0, at), 'hex'), 'hex');
}

const u64 = (out: Buffer, value: number, at: number): number => {
  out.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  return out.writeUInt32BE(value % 2 ** 32, at + 4);
};

const text = (out: Buffer, value: string, at: number): number => {
  const length = out.write(value, at + 4, 'utf8');
  out.writeUInt32BE(length, at);
  return at + 4 + length;
};

const bytes = (out: Buffer, value: Buffer, at: number): number => {
  out.writeUInt32BE(value.length, at);
  return at + 4 + value.copy(out, at + 4);
};
