import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection whose bytes the test writes and reads itself: for what `fetch` hides. */
export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  /** What came in since it was last looked at. */
  #pieces: Buffer[] = [];
  #closed = false;
  #onChange = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data: Buffer) => {
      this.#pieces.push(data);
      this.#onChange();
    });
    // Whether the other side ends or breaks it, there is nothing more to read.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#onChange();
    });
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** A request head, with the blank line. */
  head(request: string, headers: Readonly<Record<string, string>>): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    this.socket.write(`${[`${request} HTTP/1.1`, 'Host: test', ...lines].join('\r\n')}\r\n\r\n`);
  }

  /** Bytes, as fast as the other side takes them. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (!this.socket.write(bytes)) await Promise.race([once(this.socket, 'drain'), this.closed()]);
  }

  /** The next final answer, whole; one to HEAD has no body. */
  async answer(isHead = false): Promise<RawAnswer> {
    const headEnd = await this.#until(() => {
      this.#gather();
      const at = this.#received.indexOf('\r\n\r\n');
      return at < 0 ? undefined : at + 4;
    });
    const [first = '', ...lines] = this.#received.toString('latin1', 0, headEnd - 4).split('\r\n');
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const status = Number(first.split(' ')[1]);
    if (status === 100) {
      this.#received = this.#received.subarray(headEnd);
      return this.answer(isHead);
    }
    const bytes = isHead || status === 304 ? 0 : Number(headers.get('content-length') ?? 0);
    await this.#until(() => this.#receivedBytes >= headEnd + bytes || undefined);
    this.#gather();
    const body = this.#received.toString('utf8', headEnd, headEnd + bytes);
    this.#received = this.#received.subarray(headEnd + bytes);
    return { status, headers, body };
  }

  /** Resolves once the connection is closed. */
  async closed(): Promise<void> {
    while (!this.#closed) await this.#change();
  }

  end(): void {
    this.socket.destroy();
  }

  get #receivedBytes(): number {
    return this.#pieces.reduce((sum, { length }) => sum + length, this.#received.length);
  }

  #gather(): void {
    this.#received = Buffer.concat([this.#received, ...this.#pieces]);
    this.#pieces = [];
  }

  async #until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#closed) throw new Error(`closed after ${this.#receivedBytes} bytes of an answer`);
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#onChange;
      this.#onChange = () => {
        before();
        resolve();
      };
    });
  }
}
