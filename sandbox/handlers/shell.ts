import type { Json } from '../../kernel/envelope.ts';
import { artifactBytesMax, resultBytesMax, sentBytesMax } from '../bounds.ts';
import {
  type Driver,
  type InputFile,
  inputFile,
  messagesFile,
  type Outcome,
  type OutputFile,
  outputDirectory,
  resultFile,
} from '../driver.ts';
import { globMatches } from '../glob.ts';
import { defineHandler, type Handler, type HandlerContext } from '../handler.ts';
import { LastLine } from '../last-line.ts';
import { mediaTypeOf } from '../media-type.ts';
import { TaskFailure } from '../task-failure.ts';
import { isInsidePath } from '../workspace.ts';
import { outcomeFailure } from './outcome-failure.ts';
import { asText, fileSource, type ShellInput, shellInput } from './shell-input.ts';

/**
 * `shell`: runs a command or a script. It finds its input in `$ASTRA_INPUT` and on stdin. Its result is what it wrote to
 * `$ASTRA_RESULT`, or else the last line of its stdout where that is JSON, or else null. Files that it leaves in
 * `$ASTRA_OUTPUT` become artifacts; each line of `$ASTRA_MESSAGES`, `{ "to": "ag_…", "type": "…", "payload": … }`, is a message.
 */
export const shell = (driver: Driver): Handler =>
  defineHandler({
    type: 'shell',
    input: shellInput,
    driver,
    run: async (ctx) => {
      const lastLine = new LastLine(resultBytesMax);
      const lastError = new LastLine(1000);
      const outcome = await driver.run({
        name: `${ctx.taskId}:${ctx.attempt}`,
        program: await program(ctx),
        timeoutMs: ctx.timeoutMs,
        limits: ctx.limits,
        signal: ctx.signal,
        onOutput: (stream, chunk) => {
          const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
          (stream === 'stdout' ? lastLine : lastError).write(bytes);
          ctx.log(chunk, stream);
        },
      });
      try {
        const failure = outcomeFailure(outcome, ctx.timeoutMs, ctx.limits) ?? exitFailure(outcome, lastError.get());
        const result = await collect(ctx, outcome, failure !== undefined);
        if (failure) throw failure;
        return result === undefined ? jsonLine(lastLine.get()) : result;
      } finally {
        await outcome.dispose();
      }
    },
  });

async function program(ctx: HandlerContext<ShellInput>) {
  const { input } = ctx;
  const whole = JSON.stringify(input);
  const files: InputFile[] = [{ path: inputFile, data: Buffer.from(whole, 'utf8') }];
  for (const [path, value] of Object.entries(input.files)) {
    const source = fileSource(value as Json);
    const data = 'bytes' in source ? source.bytes : await ctx.readArtifact(source.artifact, artifactBytesMax);
    files.push({ path, data });
  }
  const env: Record<string, string> = {
    ASTRA_TASK_ID: ctx.taskId,
    ASTRA_ATTEMPT: String(ctx.attempt),
    ASTRA_AGENT_ID: ctx.agent.id,
    ASTRA_IDEMPOTENCY_KEY: ctx.idempotencyKey,
  };
  for (const [name, value] of Object.entries(input.env)) env[name] = noNul(asText(value as Json), name);
  const args = input.args.map((value, index) => noNul(asText(value as Json), `args/${index}`));
  return {
    kind: 'command' as const,
    argv: commandLine(input, args, files),
    env,
    stdin: Buffer.from(input.stdin === undefined ? whole : asText(input.stdin as Json), 'utf8'),
    files,
  };
}

/** What is run; a script is put beside the other files. */
function commandLine(
  { command, script }: ShellInput,
  args: readonly string[],
  files: InputFile[],
): [string, ...string[]] {
  if (typeof command === 'string') return ['/bin/sh', '-c', command, 'sh', ...args];
  if (command !== undefined) return [command[0] as string, ...command.slice(1), ...args];
  const text = script as string;
  files.push({ path: 'script', data: Buffer.from(text, 'utf8'), executable: true });
  return text.startsWith('#!') ? ['./script', ...args] : ['/bin/sh', './script', ...args];
}

function noNul(text: string, name: string): string {
  if (text.includes('\0'))
    throw new TaskFailure('input_invalid', `${name} contains NUL, which no argument or variable can hold.`, {
      retryable: false,
    });
  return text;
}

function exitFailure({ exitCode, signal }: Outcome, lastError: string | undefined): TaskFailure | undefined {
  if (exitCode === 0) return undefined;
  const how = signal === undefined ? `exit code ${exitCode ?? 'unknown'}` : `signal ${signal}`;
  return new TaskFailure(
    signal === undefined ? 'exit_nonzero' : 'signalled',
    lastError ? `${how}: ${lastError}` : how,
    {
      details: { ...(exitCode === undefined ? {} : { exitCode }), ...(signal === undefined ? {} : { signal }) },
    },
  );
}

/** Stores the artifacts, and reads the result file. After a failure, what can be kept is kept. */
async function collect(ctx: HandlerContext<ShellInput>, outcome: Outcome, failed: boolean): Promise<Json | undefined> {
  const wanted = (ctx.input.outputs ?? [{ glob: '**', optional: true }]).map((entry) =>
    typeof entry === 'string' ? { glob: entry } : entry,
  );
  const matched = new Set<string>();
  let result: Json | undefined;
  try {
    for await (const file of outcome.files?.() ?? []) {
      if (file.path === resultFile) {
        result = await readResult(file);
        continue;
      }
      if (file.path === messagesFile) {
        if (!failed) await sendMessages(ctx, file);
        continue;
      }
      const name = nameOf(file);
      const entry = wanted.find(({ glob }) => globMatches(glob, name));
      if (!entry) continue;
      matched.add(entry.glob);
      if (file.kind !== 'file')
        throw refused(file.path, `it is ${file.kind === 'link' ? 'a link' : 'no regular file'}`);
      const mediaType = 'mediaType' in entry ? entry.mediaType : undefined;
      await ctx.artifact(name, () => file.open(), mediaType ?? mediaTypeOf(name));
    }
  } catch (error) {
    if (!failed) throw error;
    ctx.log(`[astra] not all output was kept: ${error instanceof Error ? error.message : String(error)}\n`, 'stderr');
  }
  const missing = wanted.find((entry) => !matched.has(entry.glob) && !('optional' in entry && entry.optional));
  if (missing && !failed)
    throw new TaskFailure('output_missing', `No file in the output directory matches "${missing.glob}".`);
  return result;
}

/** The name below the output directory. Archives of containers may name anything. */
function nameOf({ path }: OutputFile): string {
  const prefix = `${outputDirectory}/`;
  if (!path.startsWith(prefix) || !isInsidePath(path)) throw refused(path, 'it is not in the output directory');
  return path.slice(prefix.length);
}

async function sendMessages(ctx: HandlerContext<ShellInput>, file: OutputFile): Promise<void> {
  const lines = (await readText(file, sentBytesMax, 'messages_too_large')).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    let message: { readonly to?: unknown; readonly type?: unknown; readonly payload?: Json };
    try {
      message = Object(JSON.parse(line));
    } catch (cause) {
      const detail = `Line ${index + 1} of the messages holds no JSON: ${(cause as Error).message}`;
      throw new TaskFailure('message_invalid', detail, { retryable: false, cause });
    }
    const { to, type, payload } = message;
    ctx.send(to as string, { type: type as string, ...(payload === undefined ? null : { payload }) });
  }
}

/** A file that the command left, whole. */
async function readText(file: OutputFile, bytesMax: number, code: string): Promise<string> {
  if (file.kind !== 'file') throw refused(file.path, 'it is no regular file');
  if (file.size > bytesMax)
    throw new TaskFailure(code, `${file.path} has ${file.size} bytes; it may have ${bytesMax}.`, { retryable: false });
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.open()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function readResult(file: OutputFile): Promise<Json> {
  const text = await readText(file, resultBytesMax, 'result_too_large');
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new TaskFailure('result_invalid', `The result file holds no JSON: ${(cause as Error).message}`, { cause });
  }
}

const refused = (path: string, why: string): TaskFailure =>
  new TaskFailure('artifact_refused', `Output "${path.slice(0, 200)}" cannot be kept: ${why}.`, { retryable: false });

function jsonLine(line: string | undefined): Json {
  if (line === undefined) return null;
  try {
    return JSON.parse(line) as Json;
  } catch {
    return null;
  }
}
