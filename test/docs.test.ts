import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { generatedPages } from '../docs/generate/pages.ts';

/** The generated pages are what the code says now: nobody has to remember to write them anew. */
const pages = await generatedPages();
const committed = (file: string): string => readFileSync(new URL(`../docs/${file}`, import.meta.url), 'utf8');

describe('the generated pages', () => {
  test.each(pages.map(({ file, text }) => [file, text] as const))('docs/%s is what make docs writes', (file, text) => {
    // A difference of one line is easier to read than two pages.
    const is = committed(file).split('\n');
    const shall = text.split('\n');
    const at = shall.findIndex((line, index) => line !== is[index]);
    expect({ line: at + 1, text: is[at] }, 'run make docs').toEqual({ line: at + 1, text: shall[at] });
    expect(is.length, 'run make docs').toBe(shall.length);
  });
});
