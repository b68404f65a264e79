import { readFileSync } from 'node:fs';
import ts from 'typescript';
import * as actors from '../../actors/bounds.ts';
import * as cli from '../../cli/bounds.ts';
import * as gateway from '../../gateway/bounds.ts';
import * as kernel from '../../kernel/bounds.ts';
import * as nats from '../../kernel/nats/bounds.ts';
import * as postgres from '../../kernel/postgres/bounds.ts';
import * as projections from '../../projections/bounds.ts';
import * as sandbox from '../../sandbox/bounds.ts';
import { blocks, bytesText, code, generatedMark, type Page, spanText, table } from './markdown.ts';

type Values = Readonly<Record<string, unknown>>;

const files: readonly (readonly [path: string, what: string, values: Values])[] = [
  ['actors/bounds.ts', 'The domain', actors],
  ['kernel/bounds.ts', 'The kernel', kernel],
  ['kernel/postgres/bounds.ts', 'Towards PostgreSQL', postgres],
  ['kernel/nats/bounds.ts', 'Towards NATS', nats],
  ['projections/bounds.ts', 'Read models', projections],
  ['gateway/bounds.ts', 'The gateway', gateway],
  ['sandbox/bounds.ts', 'Workers and sandboxes', sandbox],
  ['cli/bounds.ts', 'The command and its supervisor', cli],
];

/** Every bound of every layer: its name, its value and its reason, as `bounds.ts` of the layer says. */
export function boundsPage(): Page {
  const text = blocks(
    generatedMark,
    '# Bounds',
    'Nothing in Astra grows without a bound: queues, batches, waits, sizes, retries. Each has a name with its unit, one place, and a reason. Together they are what a deployment can rely on, and where to look when one is reached.',
    ...files.flatMap(([path, what, values]) => [
      `## ${what}`,
      code(path),
      table(['bound', 'value', 'reason'], rowsOf(path, values)),
    ]),
  );
  return { file: 'bounds.md', text };
}

function rowsOf(path: string, values: Values): readonly (readonly string[])[] {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  let before = '';
  return source.statements.filter(isExported).flatMap((statement) => {
    const said = commentOf(statement);
    const reason = said === '' && ofTwo.test(before) ? 'with the one above' : said;
    if (reason === '') throw new Error(`expected a reason for each bound of ${path}, found: ${statement.getText()}`);
    before = said;
    return statement.declarationList.declarations.map((declaration) => {
      const name = declaration.name.getText();
      return [code(name), valueText(name, values[name]), reason];
    });
  });
}

/** A reason that speaks of the next bound too. */
const ofTwo = /second|same two|first and longest|and of the end|and at most|look back on/i;

const isExported = (statement: ts.Statement): statement is ts.VariableStatement =>
  ts.isVariableStatement(statement) &&
  statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;

const commentOf = (statement: ts.VariableStatement): string =>
  ts
    .getJSDocCommentsAndTags(statement)
    .map((doc) => (typeof doc.comment === 'string' ? doc.comment : (ts.getTextOfJSDocComment(doc.comment) ?? '')))
    .join(' ')
    .replace(/\s+/g, ' ')
    .replace(cited, (_all, page: string, section: string) => `[${section}](${page}#${anchorOf(section)})`)
    .trim();

/** A section of a page, as comments cite it. */
const cited = /docs\/([a-z]+\.md), "([^"]+)"/g;
const anchorOf = (section: string): string => section.toLowerCase().replaceAll(' ', '-');

function valueText(name: string, value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([key, inner]) => `${key} ${valueText(name, inner)}`)
      .join(', ');
  if (typeof value !== 'number') throw new Error(`expected a number for bound ${name}, found ${typeof value}`);
  if (/ms(default|max|min)?$/i.test(name)) return spanText(value);
  if (/bytes/i.test(name)) return bytesText(value);
  return value.toLocaleString('en-US');
}
