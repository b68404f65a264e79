import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedPages } from '../docs/generate/pages.ts';

/** The pages are level with the code: the generated ones say what it says now, and what is cited is there. */
const root = join(import.meta.dirname, '..');
const pages = await generatedPages();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const layers = ['actors', 'cli', 'gateway', 'kernel', 'projections', 'sandbox'];
const filesOf = (folder: string, ending: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true })
    .map((path) => `${folder}/${path}`)
    .filter((path) => path.endsWith(ending))
    .sort();
const sources = layers.flatMap((layer) => filesOf(layer, '.ts'));
const written = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...filesOf('docs', '.md').filter((path) => existsSync(join(root, path))),
];

/** The anchors of a page’s headings, as GitHub makes them. */
const anchorsOf = (page: string): ReadonlySet<string> =>
  new Set(
    [...page.matchAll(/^#+ (.+)$/gm)].map((match) =>
      (match[1] as string)
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

describe('the generated pages', () => {
  test.each(pages.map(({ file, text }) => [file, text] as const))('docs/%s is what make docs writes', (file, text) => {
    // A difference of one line is easier to read than two pages.
    const is = read(`docs/${file}`).split('\n');
    const shall = text.split('\n');
    const at = shall.findIndex((line, index) => line !== is[index]);
    expect({ line: at + 1, text: is[at] }, 'run make docs').toEqual({ line: at + 1, text: shall[at] });
    expect(is.length, 'run make docs').toBe(shall.length);
  });

  test('name every error code that stands in the sources as a text', () => {
    const made =
      /\b(?:AstraError|refuse)\(\s*'\w+',\s*'(\w+)'|\b(?:TaskFailure|usageError|unavailableError)\(\s*'(\w+)'/g;
    const codes = sources
      .filter((path) => !/\.(test|contract)\.ts$|\/testing\//.test(path))
      .flatMap((path) => [...read(path).matchAll(made)].map((match) => (match[1] ?? match[2]) as string));
    expect(codes.length).toBeGreaterThan(100);
    const catalogue = read('docs/errors.md');
    expect([...new Set(codes)].filter((code) => !catalogue.includes(`| \`${code}\` |`))).toEqual([]);
  });
});

describe('what is cited', () => {
  test('by the sources: pages of docs/, and sections of them, exist', () => {
    // A citation may go on in the next line of a comment.
    const cited = /\b([\w/-]+\.md)(?:,\s+(?:\*\s+)?"([^"]+)")?/g;
    const comments = /\/\*[\s\S]*?\*\/|(?:\/\/|--) .*/g;
    const missing = [...sources, ...filesOf('migrations', '.sql')].flatMap((path) =>
      (read(path).match(comments) ?? [])
        .flatMap((comment) => [...comment.matchAll(cited)])
        .filter(([, page = '', section]) => {
          if (!existsSync(join(root, page))) return true;
          const title = section?.replace(/\s+\*?\s*/g, ' ');
          return title !== undefined && !new RegExp(`^#+ ${title}$`, 'm').test(read(page));
        })
        .map(([text]) => `${path}: ${text}`),
    );
    expect(missing).toEqual([]);
  });

  test('by the pages: files and sections that links lead to exist', () => {
    const broken = written.flatMap((path) =>
      [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
        .map((match) => match[1] as string)
        .filter((to) => !/^[a-z]+:/.test(to))
        .filter((to) => {
          const [file = '', anchor] = to.split('#');
          const target = file === '' ? path : relative(root, join(root, dirname(path), file));
          if (!existsSync(join(root, target))) return true;
          return anchor !== undefined && !anchorsOf(read(target)).has(anchor);
        })
        .map((to) => `${path}: ${to}`),
    );
    expect(broken).toEqual([]);
  });
});
