import { AstraError } from './errors.ts';

/** Texts up to this long are looked up before they are made: keys, types, pools, statuses repeat for ever. */
const wordBytesMax = 24;
const wordsMax = 4096;
const words: (string | undefined)[] = new Array(wordsMax).fill(undefined);

/**
 * Reads plain msgpack (no extensions) piece by piece: who needs one field of a map skips the others, which makes no
 * objects and no strings. What is read is what `unpack` (codec.ts) gives for the same bytes.
 * Every method throws `corrupt` / `unreadable_bytes` when the bytes are of another kind than asked for, or end too early.
 */
export class MsgpackReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many entries the map has that comes next: each is a {@link text} and something else. */
  map(): number {
    const kind = this.#byte();
    if (kind >= 0x80 && kind < 0x90) return kind & 0x0f;
    if (kind === 0xde) return this.#unsigned(2);
    if (kind === 0xdf) return this.#unsigned(4);
    throw other('a map', kind);
  }

  /** How many items the list has that comes next. */
  list(): number {
    const kind = this.#byte();
    if (kind >= 0x90 && kind < 0xa0) return kind & 0x0f;
    if (kind === 0xdc) return this.#unsigned(2);
    if (kind === 0xdd) return this.#unsigned(4);
    throw other('a list', kind);
  }

  text(): string {
    const kind = this.#byte();
    if (kind >= 0xa0 && kind < 0xc0) return this.#text(kind & 0x1f);
    if (kind >= 0xd9 && kind <= 0xdb) return this.#text(this.#unsigned(1 << (kind - 0xd9)));
    throw other('a text', kind);
  }

  number(): number {
    const value = this.value();
    if (typeof value === 'number') return value;
    throw unreadable('a number', `a ${typeof value}`);
  }

  bytes(): Buffer {
    const value = this.value();
    if (Buffer.isBuffer(value)) return value;
    throw unreadable('bytes', `a ${typeof value}`);
  }

  value(): unknown {
    const kind = this.#byte();
    if (kind < 0x80) return kind;
    if (kind < 0x90) return this.#object(kind & 0x0f);
    if (kind < 0xa0) return this.#array(kind & 0x0f);
    if (kind < 0xc0) return this.#text(kind & 0x1f);
    if (kind >= 0xe0) return kind - 0x100;
    switch (kind) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6: {
        const length = this.#unsigned(1 << (kind - 0xc4));
        const start = this.#advance(length);
        return this.#bytes.subarray(start, start + length);
      }
      case 0xca:
        return this.#bytes.readFloatBE(this.#advance(4));
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#advance(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(1 << (kind - 0xcc));
      case 0xd0:
      case 0xd1:
      case 0xd2: {
        const length = 1 << (kind - 0xd0);
        return this.#bytes.readIntBE(this.#advance(length), length);
      }
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(1 << (kind - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#unsigned(2 << (kind - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.#object(this.#unsigned(2 << (kind - 0xde)));
      default:
        throw other('a plain value', kind);
    }
  }

  /** Goes past the next value. */
  skip(): void {
    for (let open = 1; open > 0; open--) {
      const kind = this.#byte();
      if (kind < 0x80 || kind >= 0xe0) continue;
      if (kind < 0x90) open += 2 * (kind & 0x0f);
      else if (kind < 0xa0) open += kind & 0x0f;
      else if (kind < 0xc0) this.#advance(kind & 0x1f);
      else if (kind >= 0xc4 && kind <= 0xc6) this.#advance(this.#unsigned(1 << (kind - 0xc4)));
      else if (kind >= 0xd9 && kind <= 0xdb) this.#advance(this.#unsigned(1 << (kind - 0xd9)));
      else if (kind >= 0xdc && kind <= 0xdd) open += this.#unsigned(2 << (kind - 0xdc));
      else if (kind >= 0xde) open += 2 * this.#unsigned(2 << (kind - 0xde));
      else {
        const width = widths.get(kind);
        if (width === undefined) throw other('a plain value', kind);
        this.#advance(width);
      }
    }
  }

  #byte(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  /** Takes the next `length` bytes; returns where they begin. */
  #advance(length: number): number {
    const start = this.#at;
    const end = start + length;
    if (end > this.#bytes.length) throw unreadable(`${length} bytes at ${start} of ${this.#bytes.length}`, 'the end');
    this.#at = end;
    return start;
  }

  #unsigned(length: number): number {
    const start = this.#advance(length);
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 256 + (this.#bytes[start + i] as number);
    return value;
  }

  #array(length: number): unknown[] {
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.value());
    return items;
  }

  #object(entries: number): object {
    const object: Record<string, unknown> = {};
    for (let i = 0; i < entries; i++) {
      const key = this.text();
      object[key === '__proto__' ? '__proto_' : key] = this.value();
    }
    return object;
  }

  #text(length: number): string {
    const start = this.#advance(length);
    const bytes = this.#bytes;
    if (length > wordBytesMax) return bytes.toString('utf8', start, start + length);
    let place = length;
    for (let i = 0; i < length; i++) place = (place * 31 + (bytes[start + i] as number)) & (wordsMax - 1);
    const had = words[place];
    if (had !== undefined && isAt(had, bytes, start, length)) return had;
    const text = bytes.toString('utf8', start, start + length);
    words[place] = text;
    return text;
  }
}

/** Whether these bytes are this text, in ASCII. */
function isAt(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** Bytes behind the kinds of a fixed width: nil and booleans, floats, unsigned and signed integers. */
const widths: ReadonlyMap<number, number> = new Map([
  [0xc0, 0],
  [0xc2, 0],
  [0xc3, 0],
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
]);

const other = (expected: string, kind: number): AstraError =>
  unreadable(expected, `a value of kind 0x${kind.toString(16)}`);

const unreadable = (expected: string, found: string): AstraError =>
  new AstraError('corrupt', 'unreadable_bytes', `expected ${expected}, found ${found}`);
