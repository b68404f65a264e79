import type { Terminal } from '../terminal.ts';

/** Draws a block of lines over the one before. The cursor is hidden while it lives; `finish` leaves the last block standing. */
export class Redraw {
  readonly #terminal: Terminal;
  #height = 0;
  #last = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.out('\x1b[?25l');
  }

  draw(lines: readonly string[]): void {
    const text = lines.map((line) => `\x1b[2K${line}\n`).join('');
    if (text === this.#last) return;
    this.#last = text;
    const up = this.#height > 0 ? `\x1b[${this.#height}A\r` : '';
    this.#terminal.out(`${up}${text}\x1b[0J`);
    this.#height = lines.length;
  }

  finish(): void {
    this.#terminal.out('\x1b[?25h');
  }
}
