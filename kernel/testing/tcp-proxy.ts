import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What the proxy does with what comes next: `pass` it, `hold` what the client says and let nothing through, or `deafen`
 * the client: the server hears it, and its answer goes nowhere.
 */
export type ProxyMode = 'pass' | 'hold' | 'deafen';

/** A TCP server between a client and another server, for cutting connections at the worst moment. */
export class TcpProxy {
  readonly #target: URL;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #server = createServer();
  #port = 0;
  #swallowed = 0;
  mode: ProxyMode = 'pass';

  constructor(target: string) {
    this.#target = new URL(target);
  }

  /** The target's URL, through this proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  /** Bytes that were kept from their receiver. */
  get swallowed(): number {
    return this.#swallowed;
  }

  /** Listens: the second time, on the same port. */
  async listen(): Promise<void> {
    this.#server = createServer((client) => this.#join(client));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #join(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    client.on('data', (bytes) => {
      if (this.mode === 'hold') this.#swallowed += bytes.length;
      else server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (this.mode === 'pass') client.write(bytes);
      else this.#swallowed += bytes.length;
    });
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        server.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  /** Cuts every connection; new ones pass again. */
  cut(): void {
    this.mode = 'pass';
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** Cuts everything and lets nothing new in. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }
}
