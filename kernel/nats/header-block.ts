import type { MsgHdrs } from '@nats-io/nats-core';

/**
 * The headers of a message on its way out: the block as the protocol has it (NATS client protocol, HPUB), written as it
 * grows. The client's own kind looks for each name among all others three times, and a command has ten.
 */
export class HeaderBlock {
  #text = 'NATS/1.0\r\n';

  /** Adds a header; a name is added once. Throws a RangeError for a value that would end its line. */
  set(name: string, value: string): this {
    if (value.includes('\n') || value.includes('\r'))
      throw new RangeError(`expected a value of one line in header ${name}`);
    this.#text += `${name}: ${value}\r\n`;
    return this;
  }

  encode(): Uint8Array {
    return Buffer.from(`${this.#text}\r\n`, 'utf8');
  }

  /** As the client takes them: of headers that go out it asks nothing but their bytes. */
  get outgoing(): MsgHdrs {
    return this as unknown as MsgHdrs;
  }
}

const none: ReadonlyMap<string, string> = new Map();

/** The headers of a message that came, each with its first value; those without one are not there. */
export function headersOf(message: { readonly headers?: MsgHdrs | undefined }): ReadonlyMap<string, string> {
  if (!message.headers) return none;
  const found = new Map<string, string>();
  for (const [name, [value]] of message.headers) if (value) found.set(name, value);
  return found;
}
