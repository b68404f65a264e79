import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** docs/invariants.md names the tests that show each promise: they exist, under these very titles. */
const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/invariants.md'), 'utf8');
const sections = page.split(/^## /m).slice(1);
const named = [...page.matchAll(/^- `([^`]+)`: (.+)$/gm)].map((match) => [match[1], match[2]] as [string, string]);

/** Whether a file has a test, or a family of tests, of this title. */
function hasTest(path: string, title: string): boolean {
  const file = join(root, path);
  if (!existsSync(file)) return false;
  const escaped = title.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll("'", "\\\\?'");
  return new RegExp(`\\(\\s*(['"\`])${escaped}\\1`).test(readFileSync(file, 'utf8'));
}

describe('docs/invariants.md', () => {
  test('has the ten invariants in order, each shown by tests', () => {
    expect(sections.map((section) => section.split(' ')[0])).toEqual(Array.from({ length: 10 }, (_, i) => `I${i + 1}`));
    for (const section of sections)
      expect(section.match(/^- `/gm)?.length ?? 0, section.split('\n')[0]).toBeGreaterThan(2);
  });

  test('names tests that exist', () => {
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter(([path, title]) => !hasTest(path, title))).toEqual([]);
  });
});
