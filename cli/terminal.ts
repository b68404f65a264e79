import { terminalWishes } from './config.ts';
import { type Palette, palette } from './view/palette.ts';

/** Where a command writes, and what that can show. */
export interface Terminal {
  /** Whether a person looks: redraws, colours and progress make sense. */
  readonly interactive: boolean;
  readonly columns: number;
  readonly rows: number | undefined;
  /** Colours for standard output. */
  readonly paint: Palette;
  readonly debug: boolean;
  out(text: string): void;
  err(text: string): void;
}

/** The terminal of this process. Colours on a terminal only, and not where NO_COLOR or TERM=dumb forbid them. */
export function processTerminal(): Terminal {
  const wishes = terminalWishes();
  const { stdout, stderr } = process;
  const interactive = stdout.isTTY === true && !wishes.dumb;
  // A reader that has gone (`astra goals list | head`) ends the command quietly.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    interactive,
    get columns() {
      return stdout.columns ?? 100;
    },
    get rows() {
      return stdout.rows;
    },
    paint: palette(interactive && !wishes.noColor),
    debug: wishes.debug,
    out: (text) => {
      stdout.write(text);
    },
    err: (text) => {
      stderr.write(text);
    },
  };
}
