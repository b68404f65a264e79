import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedPages } from '../docs/generate/pages.ts';

/** The generated pages are what the code says now: nobody has to remember to write them anew. */
const root = join(import.meta.dirname, '..');
const pages = await generatedPages();
const committed = (file: string): string => readFileSync(join(root, 'docs', file), 'utf8');

describe('the generated pages', () => {
  test.each(pages.map(({ file, text }) => [file, text] as const))('docs/%s is what make docs writes', (file, text) => {
    // A difference of one line is easier to read than two pages.
    const is = committed(file).split('\n');
    const shall = text.split('\n');
    const at = shall.findIndex((line, index) => line !== is[index]);
    expect({ line: at + 1, text: is[at] }, 'run make docs').toEqual({ line: at + 1, text: shall[at] });
    expect(is.length, 'run make docs').toBe(shall.length);
  });

  test('name every error code that stands in the sources as a text', () => {
    const layers = ['actors', 'cli', 'gateway', 'kernel', 'projections', 'sandbox'];
    const sources = layers
      .flatMap((layer) =>
        readdirSync(join(root, layer), { recursive: true }).map((path) => join(root, layer, String(path))),
      )
      .filter((path) => path.endsWith('.ts') && !/\.(test|contract)\.ts$|\/testing\//.test(path));
    const written =
      /\b(?:AstraError|refuse)\(\s*'\w+',\s*'(\w+)'|\b(?:TaskFailure|usageError|unavailableError)\(\s*'(\w+)'/g;
    const codes = sources.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(written)].map((match) => (match[1] ?? match[2]) as string),
    );
    expect(codes.length).toBeGreaterThan(100);
    const catalogue = committed('errors.md');
    expect([...new Set(codes)].filter((code) => !catalogue.includes(`| \`${code}\` |`))).toEqual([]);
  });
});
