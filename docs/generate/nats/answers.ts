import type { Reply } from '../../../kernel/envelope.ts';
import type { Problem } from '../../../kernel/errors.ts';
import { blocks, code, table } from '../markdown.ts';

const done: Readonly<Record<keyof Extract<Reply, { readonly ok: true }>, string>> = {
  ok: '`true`',
  position: 'where it stands in the log, `<shard>:<seq>`: a read may wait for it',
  id: 'the actor that answers',
  data: 'what it says, where it says more',
  replayed: '`true` when the command had been carried out before: this is its first answer',
};

const problem: Readonly<Record<keyof Problem, string>> = {
  code: 'stable, snake_case: [errors.md](errors.md)',
  kind: 'what it means for a repeat',
  detail: 'what was expected and what was found, for people',
  errors: 'every fault of an input: `{ pointer, message }`, RFC 6901',
  retryAfterMs: 'present where repeating helps',
};

/** What every command and publication is answered with. */
export const answersSection = (): string =>
  blocks(
    '## Answers',
    'JSON, over core NATS, to the subject that the message named, and **only after the commit** that moved the lane past the message: refusals too. An answer may be lost with its sender; who hears nothing repeats the message with the same key or command id.',
    table(
      ['field', 'when it was done'],
      Object.entries(done).map(([name, meaning]) => [code(name), meaning]),
    ),
    `Otherwise it is ${code('{ "ok": false, "problem": … }')}:`,
    table(
      ['field of `problem`', 'meaning'],
      Object.entries(problem).map(([name, meaning]) => [code(name), meaning]),
    ),
  );
