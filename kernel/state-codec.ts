import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { type KeyLookup, pack, unpack } from './codec.ts';
import type { SubjectKey } from './log.ts';

/** How a state's bytes are to be read: their first byte. What begins otherwise, or does not end well, is no state of this program. */
const stateFormats = { plain: 1, sealed: 2 } as const;

/**
 * A state as a snapshot keeps it: maps, sets, absent values and what is shared as they are, in V8's own format, which this
 * program alone has to read. With keys, all of it is sealed under all of them together: when one is erased it cannot be read.
 */
export function encodeState(value: unknown, keys: readonly SubjectKey[], nonce: () => Uint8Array): Buffer {
  const plain = serialize(value);
  if (keys.length === 0) return Buffer.concat([Buffer.of(stateFormats.plain), plain]);
  const sorted = [...keys].sort((a, b) => (a.kid < b.kid ? -1 : 1));
  const iv = nonce();
  const cipher = createCipheriv('aes-256-gcm', keyOfAll(sorted), iv);
  const ct = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const sealed: SealedState = { kids: sorted.map(({ kid }) => kid), nonce: iv, ct };
  return Buffer.concat([Buffer.of(stateFormats.sealed), pack(sealed)]);
}

interface SealedState {
  readonly kids: readonly string[];
  readonly nonce: Uint8Array;
  readonly ct: Uint8Array;
}

/** Only who has every one of these keys, in order of their ids, has this one. */
const keyOfAll = (keys: readonly SubjectKey[]): Buffer =>
  keys.reduce((hash, { key }) => hash.update(key), createHash('sha256')).digest();

/** The ids of the keys that open a state; none for one that cannot be read. */
export function kidsOfState(bytes: Buffer): readonly string[] {
  try {
    return bytes[0] === stateFormats.sealed ? (unpack(bytes.subarray(1)) as SealedState).kids : [];
  } catch {
    return [];
  }
}

/** A state and the keys it was sealed with; undefined when it cannot be read here, which is no fault: it is folded anew (I5). */
export function decodeState(
  bytes: Buffer,
  keys: KeyLookup,
): { readonly value: unknown; readonly kids: readonly string[] } | undefined {
  try {
    if (bytes[0] === stateFormats.plain) return { value: deserialize(bytes.subarray(1)), kids: [] };
    if (bytes[0] !== stateFormats.sealed) return undefined;
    const { kids, nonce, ct } = unpack(bytes.subarray(1)) as SealedState;
    const found = kids.flatMap((kid) => keys(kid) ?? []);
    if (found.length < kids.length) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', keyOfAll(found), nonce);
    decipher.setAuthTag(ct.subarray(-16));
    const plain = Buffer.concat([decipher.update(ct.subarray(0, -16)), decipher.final()]);
    return { value: deserialize(plain), kids };
  } catch {
    return undefined;
  }
}
