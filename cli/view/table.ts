import type { Terminal } from '../terminal.ts';
import { cut, pad, width } from './width.ts';

/** Rows under headings, columns aligned; cut to the terminal's width only where one looks. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], terminal: Terminal): string {
  const widths = headings.map((heading, column) =>
    Math.max(width(heading), ...rows.map((row) => width(row[column] ?? ''))),
  );
  const line = (cells: readonly string[]): string => {
    const whole = cells
      .map((cell, column) => (column === cells.length - 1 ? cell : pad(cell, widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
    return terminal.interactive ? cut(whole, terminal.columns) : whole;
  };
  const head = terminal.paint.dim(line(headings.map((heading) => heading.toUpperCase())));
  return `${[head, ...rows.map(line)].join('\n')}\n`;
}
