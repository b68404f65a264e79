import { readFileSync } from 'node:fs';

/** How many parts a census is split into. */
export const parts = 8;

const script = (name: string): string => readFileSync(new URL(`${name}.sh`, import.meta.url), 'utf8');

interface CensusTask {
  readonly key: string;
  readonly type: 'shell';
  readonly dependsOn: readonly string[];
  readonly input: object;
}

const from = (key: string, pointer: string) => ({ $from: key, pointer });

/**
 * A census of a directory as a plan: `list` deals the files out to eight parts; eight tasks measure a part each, side by
 * side; `join` adds up; `report` and `chart` render what came out.
 *
 *   list ─┬─▶ measure-0 ─┬─▶ join ─┬─▶ report
 *         ├─▶    …       │         └─▶ chart
 *         └─▶ measure-7 ─┘
 *
 * Lists and counts travel as artifacts, by the hash that the task before told in its result.
 */
export function censusPlan(directory: string): { readonly tasks: readonly CensusTask[] } {
  const measures = Array.from({ length: parts }, (_, part) => `measure-${part}`);
  const table = { artifact: from('join', '/table') };
  return {
    tasks: [
      { key: 'list', type: 'shell', dependsOn: [], input: { script: script('list'), env: { DIR: directory } } },
      ...measures.map(
        (key, part): CensusTask => ({
          key,
          type: 'shell',
          dependsOn: ['list'],
          input: { script: script('measure'), files: { part: { artifact: from('list', `/parts/${part}`) } } },
        }),
      ),
      {
        key: 'join',
        type: 'shell',
        dependsOn: measures,
        input: {
          script: script('join'),
          files: Object.fromEntries(
            measures.map((key, part) => [`counts-${part}`, { artifact: from(key, '/counts') }]),
          ),
        },
      },
      {
        key: 'report',
        type: 'shell',
        dependsOn: ['list', 'join'],
        input: {
          script: script('report'),
          files: { 'languages.tsv': table },
          env: {
            DIRECTORY: directory,
            LISTED: from('list', '/files'),
            UNREAD_DIRECTORIES: from('list', '/unreadDirectories'),
          },
        },
      },
      {
        key: 'chart',
        type: 'shell',
        dependsOn: ['join'],
        input: { script: script('chart'), files: { 'languages.tsv': table } },
      },
    ],
  };
}
