/** The little of Markdown that the generated pages are made of. */

/** A page under docs/. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

/** Said at the top of every page. */
export const generatedMark =
  '<!-- Written by docs/generate.ts (make docs) from the code that runs. Change the code, not this page. -->';

/** Joins blocks with a blank line between, and ends with one newline. */
export const blocks = (...parts: readonly string[]): string => `${parts.map((part) => part.trimEnd()).join('\n\n')}\n`;

/** A table; a cell may hold anything but a line break. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export const code = (text: string): string => `\`${text}\``;

export const fence = (text: string, language = ''): string => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;

export const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n');

/** Something long that most readers skip. */
export const details = (summary: string, body: string): string =>
  `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;

/** JSON as people write it: what fits on a line stays on one. */
export function jsonText(value: unknown, width = 110): string {
  const layOut = (of: unknown, indent: string, room: number): string => {
    const flat = oneLine(of);
    if (flat.length <= room || typeof of !== 'object' || of === null) return flat;
    const deeper = `${indent}  `;
    if (Array.isArray(of) && of.every((item) => typeof item === 'number'))
      return `[\n${filled(of.map(String), deeper, width)}\n${indent}]`;
    const items = Array.isArray(of)
      ? of.map((item) => layOut(item, deeper, width - deeper.length))
      : Object.entries(of)
          .filter(([, item]) => item !== undefined)
          .map(([key, item]) => {
            const name = `${JSON.stringify(key)}: `;
            return name + layOut(item, deeper, width - deeper.length - name.length);
          });
    const [open, close] = Array.isArray(of) ? ['[', ']'] : ['{', '}'];
    return `${open}\n${items.map((item) => deeper + item).join(',\n')}\n${indent}${close}`;
  };
  return layOut(value, '', width);
}

/** Short items, as many as fit on a line. */
function filled(items: readonly string[], indent: string, width: number): string {
  const lines = [indent];
  for (const [index, item] of items.entries()) {
    const text = index < items.length - 1 ? `${item}, ` : item;
    if ((lines.at(-1) as string).length + text.length > width) lines.push(indent);
    lines[lines.length - 1] += text;
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.length === 0
    ? '{}'
    : `{ ${entries.map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`).join(', ')} }`;
}

export const json = (value: unknown): string => fence(jsonText(value), 'json');

/** A number of bytes or milliseconds as people say it. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let left = bytes;
  for (; left >= 1024 && left % 1024 === 0 && at < units.length - 1; at++) left /= 1024;
  return `${left} ${units[at]}`;
}

export function spanText(ms: number): string {
  if (ms % 86_400_000 === 0) return plural(ms / 86_400_000, 'day');
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms % 100 === 0 && ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
}

const plural = (count: number, of: string): string => `${count} ${of}${count === 1 ? '' : 's'}`;
