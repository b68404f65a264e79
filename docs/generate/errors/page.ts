import { exitCodeOf } from '../../../cli/exit-code.ts';
import { problemDocument, statusOf } from '../../../gateway/problems.ts';
import { AstraError, type ErrorKind } from '../../../kernel/errors.ts';
import { blocks, code, generatedMark, type Page, table } from '../markdown.ts';
import { endings } from './endings.ts';
import { meanings } from './meanings.ts';
import { type CodeUse, codeUses } from './sources.ts';

const kinds: Record<ErrorKind, string> = {
  rejected: 'understood and refused: repeating it unchanged cannot help',
  conflict: 'the state of the actor does not allow it (now)',
  duplicate: 'done already, under the same command id',
  fenced: 'another owner, epoch or attempt has taken over: stop',
  overloaded: 'a bound is reached: repeat later',
  unavailable: 'a part does not answer: repeat later',
  indeterminate: 'it may or may not have happened: repeat it with the same key, never with another',
  cancelled: 'ended on request',
  contained: 'a defect, contained to its command',
  corrupt: 'stored data is not what its hash, its density or its form says',
};

/** Where errors of these files come up: at the start of a process, or on the command line. */
const atStart =
  /^(cli\/|kernel\/postgres\/(check|migrate)\.ts$|sandbox\/(drivers\/process|handlers\/index|handler|work-message|worker)\.ts$)/;
const inTasks = /^sandbox\/(?!artifacts\/)/;

/** A code with everything that is known of it, in one of the page’s tables. */
interface Entry {
  readonly code: string;
  readonly kinds: readonly ErrorKind[];
}

/** Every error code, from the places that make them. Throws when a code has no meaning, or a meaning no code. */
export function errorsPage(): Page {
  const uses = codeUses();
  check(uses);
  const errors = uses.filter((use): use is CodeUse & { kind: ErrorKind } => use.kind !== 'task');
  const start = errors.filter(({ file }) => atStart.test(file));
  const running = errors.filter(({ file }) => !atStart.test(file) && !inTasks.test(file));
  const answers = running.filter((use) => seenOverHttp(use) === use.code);
  const inside = running.filter((use) => seenOverHttp(use) !== use.code);
  const tasks = uses.filter((use) => use.kind === 'task' || (inTasks.test(use.file) && !atStart.test(use.file)));
  const text = blocks(
    generatedMark,
    '# Errors',
    'Every error has a **code**, which is stable, and a **kind**, which says what a repeat is worth. Over HTTP both are an RFC 9457 problem with a status; over NATS they are `problem` of the answer; the command turns the kind into its exit code. Programs look at the code; `detail` is for people, says what was expected, what was found and what to do, and may change. No answer holds a stack, SQL or anything of another org.',
    '## Kinds',
    table(
      ['kind', 'meaning', 'HTTP', 'exit code'],
      (Object.keys(kinds) as ErrorKind[]).map((kind) => [
        code(kind),
        kinds[kind],
        String(statusOf({ kind, code: '' })),
        String(exitCodeOf(new AstraError(kind, 'x', 'x'))),
      ]),
    ),
    '## Answers',
    'What callers get, over HTTP and NATS.',
    table(
      ['code', 'kind', 'HTTP', 'meaning'],
      entriesOf(answers).map((entry) => [code(entry.code), kindsText(entry), statuses(entry), meaning(entry.code)]),
    ),
    '## Inside',
    'What roles say in their logs, and parked commands in their dead letters. Over HTTP these show as the code in the third column: which part of Astra it was is nobody’s business outside.',
    table(
      ['code', 'kind', 'over HTTP', 'meaning'],
      entriesOf(inside).map((entry) => [code(entry.code), kindsText(entry), shownAs(entry), meaning(entry.code)]),
    ),
    '## Tasks',
    'Why an attempt ended badly: `error.code` of a task, of its dead letter and of a goal that failed with it. Handlers may add codes of their own.',
    table(
      ['code', 'meaning'],
      codesOf(tasks).map((name) => [code(name), meaning(name)]),
    ),
    '## Cancelled and lost',
    'Why a goal or task was cancelled, and why an attempt was lost: codes and reasons in events, which nobody did wrong.',
    endings(),
    '## The command line, and starting a role',
    'A role that refuses to start says one of these and ends; a supervisor does not start it again after exit code 2.',
    table(
      ['code', 'exit code', 'meaning'],
      entriesOf(start).map((entry) => [code(entry.code), exitCodes(entry), meaning(entry.code)]),
    ),
  );
  return { file: 'errors.md', text };
}

function check(uses: readonly CodeUse[]): void {
  const made = codesOf(uses);
  const unsaid = made.filter((name) => meanings[name] === undefined);
  const idle = Object.keys(meanings).filter((name) => !made.includes(name));
  if (unsaid.length + idle.length > 0)
    throw new Error(
      `docs/generate/errors/meanings.ts: codes without a meaning: ${unsaid.join(', ') || 'none'}; meanings without a code: ${idle.join(', ') || 'none'}`,
    );
}

const codesOf = (uses: readonly CodeUse[]): readonly string[] => [...new Set(uses.map((use) => use.code))].sort();

const entriesOf = (uses: readonly (CodeUse & { kind: ErrorKind })[]): readonly Entry[] =>
  codesOf(uses).map((name) => ({
    code: name,
    kinds: [...new Set(uses.filter((use) => use.code === name).map(({ kind }) => kind))].sort(),
  }));

const seenOverHttp = (use: { readonly kind: ErrorKind; readonly code: string }): string =>
  problemDocument(new AstraError(use.kind, use.code, ''), '').code;

const each = ({ kinds: of, code: name }: Entry, text: (error: AstraError) => string): string =>
  [...new Set(of.map((kind) => text(new AstraError(kind, name, ''))))].join(', ');

const kindsText = (entry: Entry): string => entry.kinds.map(code).join(', ');
const statuses = (entry: Entry): string => each(entry, (error) => String(statusOf(error)));
const shownAs = (entry: Entry): string => each(entry, (error) => `${statusOf(error)} ${code(seenOverHttp(error))}`);
const exitCodes = (entry: Entry): string => each(entry, (error) => String(exitCodeOf(error)));
const meaning = (name: string): string => meanings[name] as string;
