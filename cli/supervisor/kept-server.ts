import { restartMaxMs, restartMinMs } from '../bounds.ts';
import type { Output } from './output.ts';

/** An embedded server, as cli/embedded starts them. */
export interface EmbeddedServer {
  readonly port: number;
  /** Settles when it has ended, asked to or not, with how. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

/** Keeps an embedded server running on one port: when it ends unasked, it is started again where its clients look for it. */
export class KeptServer<S extends EmbeddedServer> {
  readonly #name: string;
  readonly #start: (port: number | undefined) => Promise<S>;
  readonly #output: Output;
  readonly #restart: boolean;
  #server: S;
  #stopping = false;
  #again: Promise<void> | undefined;
  #lost: (how: string) => void = () => {};
  /** Settles when the server has ended and is not to be started again. */
  readonly lost: Promise<string>;

  private constructor(
    name: string,
    start: (port: number | undefined) => Promise<S>,
    output: Output,
    restart: boolean,
    server: S,
  ) {
    this.#name = name;
    this.#start = start;
    this.#output = output;
    this.#restart = restart;
    this.#server = server;
    this.lost = new Promise((resolve) => {
      this.#lost = resolve;
    });
    this.#watch();
  }

  static async start<S extends EmbeddedServer>(
    name: string,
    start: (port: number | undefined) => Promise<S>,
    output: Output,
    restart: boolean,
  ): Promise<KeptServer<S>> {
    return new KeptServer(name, start, output, restart, await start(undefined));
  }

  get server(): S {
    return this.#server;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#again;
    await this.#server.stop();
  }

  #watch(): void {
    this.#server.exited.then((how) => {
      if (this.#stopping) return;
      if (!this.#restart) this.#lost(`${this.#name} ${how}; it is not restarted (--no-restart)`);
      else this.#again = this.#startAgain(how);
    });
  }

  async #startAgain(how: string): Promise<void> {
    this.#output.say('warn', `${this.#name} ${how}; starting it again`);
    const { port } = this.#server;
    for (let pauseMs = restartMinMs; !this.#stopping; pauseMs = Math.min(pauseMs * 2, restartMaxMs)) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      try {
        this.#server = await this.#start(port);
        this.#watch();
        return;
      } catch (error) {
        this.#output.say('error', `${this.#name}: ${(error as Error).message}`);
      }
    }
  }
}
