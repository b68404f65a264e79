import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { censusPlan, parts } from './plan.ts';

/** The census's scripts, run one after the other as its tasks run them: with their files, variables and output directory. */
let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'astra-census-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

interface Ran {
  readonly result: Readonly<Record<string, unknown>>;
  readonly out: string;
}

function run(script: string, name: string, files: Record<string, string>, env: Record<string, string>): Ran {
  const work = join(place, 'work', name);
  const out = join(work, 'out');
  mkdirSync(out, { recursive: true });
  for (const [file, source] of Object.entries(files)) copyFileSync(source, join(work, file));
  const result = join(work, 'result.json');
  const { status, stderr } = spawnSync('/bin/sh', [join(import.meta.dirname, `${script}.sh`)], {
    cwd: work,
    env: { PATH: process.env['PATH'], ASTRA_OUTPUT: out, ASTRA_RESULT: result, ...env },
    encoding: 'utf8',
    input: '{}',
  });
  expect(status, stderr).toBe(0);
  const written = spawnSync('cat', [result], { encoding: 'utf8' }).stdout;
  return { result: written ? JSON.parse(written) : {}, out };
}

function census(directory: string) {
  const list = run('list', 'list', {}, { DIR: directory });
  const measured = Array.from({ length: parts }, (_, n) =>
    run('measure', `measure-${n}`, { part: join(list.out, `part-${n}`) }, {}),
  );
  const counts = measured.map(({ out }, n) => [`counts-${n}`, join(out, 'counts.tsv')]);
  const joined = run('join', 'join', Object.fromEntries(counts), {});
  const table = { 'languages.tsv': join(joined.out, 'languages.tsv') };
  const env = {
    DIRECTORY: directory,
    LISTED: String(list.result['files']),
    UNREAD_DIRECTORIES: String(list.result['unreadDirectories']),
  };
  const report = readFileSync(join(run('report', 'report', table, env).out, 'report.md'), 'utf8');
  const chart = readFileSync(join(run('chart', 'chart', table, {}).out, 'chart.svg'), 'utf8');
  return { list: list.result, joined: joined.result, report, chart };
}

function fill(files: Readonly<Record<string, string | Buffer>>): string {
  const directory = join(place, 'input');
  mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

test('lines, words and bytes are those of the files, whatever their names', () => {
  const directory = fill({
    'a.ts': 'one two\nthree\n',
    'new\nline.ts': 'x\n',
    ' leading space.md': '# y\n',
    'quo\'te"s & <tags>.md': 'z\n',
    '-dash.c': 'int\n',
    total: 'total\n',
    'deep/er/total': '1 2 3\n',
    'empty.rs': '',
    '12 34 56 name.txt': 'seven\n',
    'binary.dat': Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
    'node_modules/left/out.js': 'no\n',
    '.git/config': 'no\n',
    '.hidden/file.py': 'yes\n',
  });
  symlinkSync('nowhere', join(directory, 'link.ts'));
  const { list, joined, report } = census(directory);
  expect(list).toMatchObject({ files: 11, unreadDirectories: 0 });
  expect(joined).toMatchObject({ files: 11, bytes: 14 + 2 + 4 + 2 + 4 + 6 + 6 + 0 + 6 + 256 + 4 });
  expect(report).toContain('| TypeScript | 2 | 3 | 4 | 16 |');
  expect(report).toContain('| Markdown | 2 | 2 | 3 | 6 |');
  expect(report).toContain('| (none) | 2 | 2 | 4 | 12 |');
});

test('an empty directory is measured as such', () => {
  const { joined, report, chart } = census(fill({}));
  expect(joined).toMatchObject({ languages: 0, files: 0, lines: 0 });
  expect(report).toContain('0 files read of 0 found');
  expect(chart).toContain('no files');
});

test.skipIf(process.getuid?.() === 0)('what cannot be read is counted, not fatal', () => {
  const directory = fill({ 'a.c': 'x\n', 'secret.c': 'y\n', 'closed/b.c': 'z\n' });
  chmodSync(join(directory, 'secret.c'), 0);
  chmodSync(join(directory, 'closed'), 0);
  const { list, joined, report } = census(directory);
  chmodSync(join(directory, 'closed'), 0o700);
  expect(list).toMatchObject({ files: 2, unreadDirectories: 1 });
  expect(joined).toMatchObject({ files: 1 });
  expect(report).toContain('1 could not be read. 1 directories could not be read.');
});

test('the plan is split: eight tasks between one that lists and one that joins', () => {
  const { tasks } = censusPlan('/some/where');
  const measures = tasks.filter(({ key }) => key.startsWith('measure-'));
  expect(measures).toHaveLength(8);
  for (const measure of measures) expect(measure.dependsOn).toEqual(['list']);
  expect(tasks.find(({ key }) => key === 'join')?.dependsOn).toEqual(measures.map(({ key }) => key));
});
