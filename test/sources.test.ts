import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Rules about the sources that no linter knows. Each offender is named with its line. */

const root = join(import.meta.dirname, '..');
const folders = ['actors', 'bench', 'cli', 'docs', 'examples', 'gateway', 'kernel', 'projections', 'sandbox', 'test'];
const files = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((path) => `${folder}/${path}`))
  .filter((path) => path.endsWith('.ts'))
  .sort();
const product = files.filter((path) => !/^(bench|docs|examples|test)\/|\.(test|contract)\.ts$/.test(path));

/** Longest file: one idea each. */
const linesMax = 450;

describe('the sources', () => {
  test('read the environment in one file', () => {
    expect(lines(product, /\bprocess\.env\b|\benv\b.*from 'node:process'/, ['cli/config.ts'])).toEqual([]);
  });

  test('read the clock and draw random numbers behind their ports', () => {
    const pattern = /\bDate\.now\b|\bMath\.random\b|\bnew Date\(\)/;
    expect(lines(product, pattern, ['kernel/clock.ts', 'kernel/random.ts'])).toEqual([]);
  });

  test('leave nothing open and silence no checker', () => {
    expect(lines(files, /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck|expect-error)/, ['test/sources.test.ts'])).toEqual(
      [],
    );
    const strict = product.filter((path) => /^(kernel|actors|projections|sandbox)\//.test(path));
    expect(lines(strict, /biome-ignore|\bas any\b|: any\b/)).toEqual([]);
  });

  test('have entries that name what they offer', () => {
    const entries = product.filter((path) => basename(path) === 'index.ts');
    expect(lines(entries, /export \*/)).toEqual([]);
  });

  test('are named in kebab case after one idea, and are short enough to be one', () => {
    expect(files.filter((path) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*\.ts$/.test(basename(path)))).toEqual([]);
    const buckets = /(^|\/)(utils?|helpers?|common|misc|types|managers?)(\/|\.ts$)/;
    expect(product.filter((path) => buckets.test(path))).toEqual([]);
    expect(product.filter((path) => read(path).split('\n').length > linesMax)).toEqual([]);
  });
});

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Lines of code, comments aside, that match: `path:line: text`. */
function lines(paths: readonly string[], pattern: RegExp, except: readonly string[] = []): string[] {
  return paths
    .filter((path) => !except.includes(path))
    .flatMap((path) =>
      read(path)
        .split('\n')
        .map((text, index) => ({ text, index }))
        .filter(({ text }) => pattern.test(isMarker(pattern) ? text : withoutComment(text)))
        .map(({ text, index }) => `${path}:${index + 1}: ${text.trim()}`),
    );
}

/** Markers stand in comments. */
const isMarker = (pattern: RegExp) => /TODO|biome-ignore/.test(pattern.source);

const withoutComment = (text: string) => (/^\s*(\*|\/\*)/.test(text) ? '' : text.replace(/(^|\s)\/\/.*$/, ''));
