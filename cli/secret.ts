import { inspect } from 'node:util';

/** A text that must not reach a log, a message or a dump: it prints as `[secret]` until it is {@link Secret.reveal}ed. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** A connection URL that prints without its password and its query. */
export class SecretUrl extends Secret {
  override toString(): string {
    return redactUrl(this.reveal());
  }

  override toJSON(): string {
    return this.toString();
  }

  override [inspect.custom](): string {
    return this.toString();
  }
}

/** A URL as it may be shown: scheme, host, port and path. */
export function redactUrl(text: string): string {
  const [first = ''] = text.split(',');
  try {
    const url = new URL(first);
    return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
  } catch {
    return '[unreadable URL]';
  }
}
