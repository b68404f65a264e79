import type { HttpResponse } from 'uWebSockets.js';
import { followKeepAliveMs, followLagBytesMax } from './bounds.ts';
import type { Responder } from './responder.ts';
import type { Services } from './services.ts';

/** The answer to HEAD where GET gets a stream of events. */
export const headOfEvents = (responder: Responder): void =>
  responder.begin(200, (response) => {
    writeHead(response);
    response.endWithoutBody();
  });

function writeHead(response: HttpResponse): void {
  response.writeHeader('Content-Type', 'text/event-stream');
  response.writeHeader('Cache-Control', 'no-store');
}

/** Server-Sent Events to one client: what it cannot take is never buffered without bound, it is dropped instead. */
export class EventStream {
  readonly #responder: Responder;
  readonly #services: Services;
  #cancelKeepAlive = () => {};
  #lagBytes = 0;
  #isOpen = true;
  #onClosed = () => {};

  constructor(responder: Responder, services: Services) {
    this.#responder = responder;
    this.#services = services;
    services.streams.add(this);
    responder.onAborted = () => this.#closed();
    responder.begin(200, (response) => {
      writeHead(response);
      response.onWritable(() => {
        this.#lagBytes = 0;
        return true;
      });
      response.write(': this stream ends with an event named end\n\n');
    });
    this.#keepAlive();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves when the stream is over, whoever ended it. */
  readonly closed = new Promise<void>((resolve) => {
    this.#onClosed = resolve;
  });

  /** An event; `id` lets a client say how far it got. */
  send(event: { readonly name?: string; readonly id?: string; readonly data: unknown }): void {
    const name = event.name === undefined ? '' : `event: ${event.name}\n`;
    const id = event.id === undefined ? '' : `id: ${event.id}\n`;
    this.#write(`${name}${id}data: ${JSON.stringify(event.data)}\n\n`);
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#responder.response.cork(() => this.#responder.response.end());
    this.#closed();
  }

  #write(text: string): void {
    if (!this.#isOpen) return;
    let isTaken = true;
    this.#responder.response.cork(() => {
      isTaken = this.#responder.response.write(text);
    });
    if (isTaken) return;
    this.#lagBytes += text.length;
    if (this.#lagBytes <= followLagBytesMax) return;
    this.#services.log.debug({ requestId: this.#responder.asked.requestId }, 'a stream was dropped: its reader lags');
    // Its abort handler runs, which closes this.
    this.#responder.response.close();
  }

  #keepAlive(): void {
    this.#cancelKeepAlive = this.#services.clock.after(followKeepAliveMs, () => {
      this.#write(':\n\n');
      if (this.#isOpen) this.#keepAlive();
    });
  }

  #closed(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#services.streams.delete(this);
    this.#cancelKeepAlive();
    this.#onClosed();
  }
}
