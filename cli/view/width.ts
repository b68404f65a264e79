import { stripVTControlCharacters } from 'node:util';

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const wide =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach a terminal
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Columns a text takes on a terminal; paint takes none. */
export function width(text: string): number {
  let columns = 0;
  for (const { segment } of segmenter.segment(stripVTControlCharacters(text))) columns += wide.test(segment) ? 2 : 1;
  return columns;
}

/** Filled with spaces up to `columns`. */
export const pad = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - width(text)));

/** At most `columns` wide, with an ellipsis where something is missing. Paint is dropped when it has to cut. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let out = '';
  let used = 0;
  for (const { segment } of segmenter.segment(stripVTControlCharacters(text))) {
    const next = wide.test(segment) ? 2 : 1;
    if (used + next > columns - 1) break;
    out += segment;
    used += next;
  }
  return columns > 0 ? `${out}…` : '';
}

/** One line without control characters: text of others must not steer the terminal. */
export const plain = (text: string): string => text.replace(control, '\u00b7');
