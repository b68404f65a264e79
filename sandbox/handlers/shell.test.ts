import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SystemClock } from '../../kernel/clock.ts';
import type { Json } from '../../kernel/envelope.ts';
import { derivedId } from '../../kernel/ids.ts';
import { SystemRandom } from '../../kernel/random.ts';
import { memoryArtifactStore } from '../artifacts/memory-store.ts';
import { processDriver } from '../drivers/process.ts';
import type { Execution } from '../execution.ts';
import type { Handler } from '../handler.ts';
import { runHandler } from '../testing/run-handler.ts';
import { shell } from './shell.ts';

describe('shell', () => {
  const root = mkdtempSync(join(tmpdir(), 'astra-shell-'));
  let handler: Handler;
  beforeAll(() => {
    handler = shell(
      processDriver({ allowed: ['process'], root, clock: new SystemClock(), random: new SystemRandom() }),
    );
  });
  afterAll(async () => {
    await handler.driver?.close();
    expect(readdirSync(root)).toEqual([]);
    rmSync(root, { recursive: true, force: true });
  });
  const run = (input: Json, options = {}) => runHandler(handler, input, options);

  test('runs a line, a program with arguments, and scripts of the shell or of another', async () => {
    expect((await run({ command: 'echo "\\"$1\\""', args: ['it'] })).result).toBe('it');
    expect((await run({ command: ['printf', '%s', '[1,2]'] })).result).toEqual([1, 2]);
    expect((await run({ script: 'x=1\necho $((x + $1))\n', args: [41] })).result).toBe(42);
    expect((await run({ script: '#!/usr/bin/env -S sed -n 2p\n{"self":true}\n' })).result).toEqual({ self: true });
  });

  test('the result is the last line of stdout if that is JSON, and null otherwise', async () => {
    expect((await run({ command: 'echo noise; echo \'{"a":1}\'; echo; echo " "' })).result).toEqual({ a: 1 });
    expect((await run({ command: 'echo \'{"a":1}\'; echo done' })).result).toBeNull();
    expect((await run({ command: ':' })).result).toBeNull();
  });

  test('sends the messages that it leaves in a file, a line each, when it does well', async () => {
    const to = derivedId('ag', 'a receiver');
    const write = `printf '{"to":"%s","type":"note","payload":{"for":"%s"}}\\n\\n' "$1" "$ASTRA_AGENT_ID" > "$ASTRA_MESSAGES"`;
    const sent = await run({ command: write, args: [to] });
    expect(sent.ending.kind === 'completed' && sent.ending.mail?.messages).toEqual([
      { to, type: 'note', payload: { for: 'ag_test' } },
    ]);
    expect((await run({ command: `${write}; exit 1`, args: [to] })).error).toMatchObject({ code: 'exit_nonzero' });
    const unfit = { code: 'message_invalid', retryable: false };
    expect((await run({ command: 'echo hello > "$ASTRA_MESSAGES"' })).error).toMatchObject(unfit);
    expect((await run({ command: 'echo 1 > "$ASTRA_MESSAGES"' })).error).toMatchObject(unfit);
    expect((await run({ command: 'head -c 200000 /dev/zero > "$ASTRA_MESSAGES"' })).error).toMatchObject({
      code: 'messages_too_large',
    });
    expect((await run({ command: 'ln -s /etc/passwd "$ASTRA_MESSAGES"' })).error).toMatchObject({
      code: 'artifact_refused',
    });
  });

  test('a result file comes first, and has to be JSON', async () => {
    expect((await run({ command: 'echo 1; echo \'{"from":"file"}\' > "$ASTRA_RESULT"' })).result).toEqual({
      from: 'file',
    });
    expect((await run({ command: 'echo no json > "$ASTRA_RESULT"' })).error).toMatchObject({ code: 'result_invalid' });
    expect((await run({ command: 'ln -s /etc/passwd "$ASTRA_RESULT"' })).error).toMatchObject({
      code: 'artifact_refused',
    });
    expect((await run({ command: 'head -c 300000 /dev/zero > "$ASTRA_RESULT"' })).error).toMatchObject({
      code: 'result_too_large',
      retryable: false,
    });
  });

  test('finds its input as a file and on stdin, its files, and its environment', async () => {
    const input = { command: 'cat "$ASTRA_INPUT"', env: { N: 1 } };
    expect((await run(input)).result).toMatchObject(input);
    expect((await run({ command: 'cat' })).result).toMatchObject({ command: 'cat' });
    expect((await run({ command: 'cat', stdin: { given: [1] } })).result).toEqual({ given: [1] });
    expect((await run({ command: 'cat', stdin: '"text"' })).result).toBe('text');
    expect((await run({ command: 'printf %s "$OBJECT"', env: { OBJECT: { a: 1 } } })).result).toEqual({ a: 1 });
    const artifacts = memoryArtifactStore();
    const { sha256 } = await artifacts.put('default', Buffer.from('stored'));
    const files = { 'a/text': 'plain ', 'a/json': { n: 1 }, bytes: { base64: 'aGVsbG8=' }, kept: { artifact: sha256 } };
    const both = await run({ command: 'cat a/text a/json bytes kept', files }, { artifacts });
    expect(await both.artifact('log')).toContain('plain {"n":1}hellostored');
    expect((await run({ command: ':', files: { kept: { artifact: 'a'.repeat(64) } } })).error).toMatchObject({
      code: 'artifact_not_found',
      retryable: false,
    });
  });

  test('knows its task, attempt and idempotency key', async () => {
    const { result } = await run({
      command: 'printf \'"%s %s %s"\' $ASTRA_TASK_ID $ASTRA_ATTEMPT $ASTRA_IDEMPOTENCY_KEY',
    });
    expect(result).toBe('gl_test.task 1 gl_test.task:1');
  });

  test('keeps what it left in its output directory, with its log', async () => {
    const ran = await run({
      command: 'cd "$ASTRA_OUTPUT"; echo "<svg/>" > chart.svg; mkdir -p d; echo 1 > d/x.json; echo out; echo err >&2',
    });
    expect([...ran.names].sort()).toEqual(['chart.svg', 'd/x.json', 'log']);
    expect(ran.ending).toMatchObject({
      artifacts: expect.arrayContaining([
        expect.objectContaining({ name: 'chart.svg', mediaType: 'image/svg+xml', size: 7 }),
      ]),
    });
    expect(await ran.artifact('d/x.json')).toBe('1\n');
    const log = await ran.artifact('log');
    expect(log).toMatch(/^\[astra\] driver process: nothing contains this task/);
    expect(log).toContain('out\n');
    expect(log).toContain('err\n');
  });

  test('keeps what its globs name, as what they say, and misses what is missing', async () => {
    const command = 'cd "$ASTRA_OUTPUT"; echo a > a.txt; echo b > b.bin; mkdir d; echo c > d/c.txt';
    const some = await run({ command, outputs: ['**/*.txt', { glob: 'b.*', mediaType: 'text/x-b' }] });
    expect([...some.names].sort()).toEqual(['a.txt', 'b.bin', 'd/c.txt', 'log']);
    expect(some.ending).toMatchObject({
      artifacts: expect.arrayContaining([expect.objectContaining({ name: 'b.bin', mediaType: 'text/x-b' })]),
    });
    expect((await run({ command, outputs: ['*.txt'] })).names).not.toContain('d/c.txt');
    expect((await run({ command, outputs: ['*.pdf'] })).error).toMatchObject({ code: 'output_missing' });
    expect((await run({ command, outputs: [{ glob: '*.pdf', optional: true }] })).names).toEqual(['log']);
  });

  test('refuses links, pipes and devices as artifacts, and never reads what a link names', async () => {
    for (const command of [
      'ln -s /etc/passwd "$ASTRA_OUTPUT/passwd"',
      'ln -s .. "$ASTRA_OUTPUT/up"',
      'ln -s / "$ASTRA_OUTPUT/root"',
      'mkfifo "$ASTRA_OUTPUT/pipe"',
      'rmdir "$ASTRA_OUTPUT"; ln -s /etc "$ASTRA_OUTPUT"',
    ]) {
      const ran = await run({ command });
      expect(ran.error).toMatchObject({ code: 'artifact_refused', retryable: false });
      expect(ran.names).toEqual(['log']);
    }
  });

  test('an exit code or a signal is a failure that keeps output, artifacts and the last word', async () => {
    const ran = await run({
      command: 'echo half > "$ASTRA_OUTPUT/half"; echo "first" >&2; echo "it broke" >&2; exit 3',
    });
    expect(ran.error).toMatchObject({
      code: 'exit_nonzero',
      message: 'exit code 3: it broke',
      details: { exitCode: 3 },
    });
    expect([...ran.names].sort()).toEqual(['half', 'log']);
    expect((await run({ command: 'kill -9 $$' })).error).toMatchObject({
      code: 'signalled',
      details: { signal: 'SIGKILL' },
    });
    expect((await run({ command: ['no-such-program'] })).error).toMatchObject({
      code: 'exit_nonzero',
      details: { exitCode: 127 },
    });
  });

  test('time and output limits end it, and the log says what was cut', async () => {
    expect((await run({ command: 'sleep 1000' }, { timeoutMs: 200 })).error).toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('200 ms'),
    });
    const flood = await run({ command: 'while :; do echo 0123456789; done' }, { limits: { outputBytes: 10_000 } });
    expect(flood.error).toMatchObject({ code: 'output' });
    expect((await flood.artifact('log'))?.length).toBeLessThan(11_000);
    const long = await run({ command: 'head -c 5000000 /dev/zero | tr "\\0" x' });
    expect(await long.artifact('log')).toMatch(/\[astra\] \d+ bytes of output are left out here/);
  });

  test('is gone within a moment when it is stopped', async () => {
    const { ending } = await run(
      { command: 'trap "" TERM; echo ready; sleep 1000' },
      { onOutput: (execution: Execution) => execution.stop('cancelled') },
    );
    expect(ending).toEqual({ kind: 'stopped', reason: 'cancelled' });
  });

  test.each<[string, Json]>([
    ['neither command nor script', {}],
    ['both', { command: 'a', script: 'b' }],
    ['an unknown field', { command: 'a', cwd: '/' }],
    ['a NUL', { command: 'a\0b' }],
    ['a file outside', { command: 'a', files: { '../x': '' } }],
    ['an absolute file', { command: 'a', files: { '/x': '' } }],
    ['a file in the place of another', { command: 'a', files: { 'input.json': '' } }],
    ['a file in the output directory', { command: 'a', files: { 'out/x': '' } }],
    ['a glob that leaves', { command: 'a', outputs: ['../*'] }],
    ['an environment of Astra', { command: 'a', env: { ASTRA_RESULT: '/x' } }],
    ['a name that is none', { command: 'a', env: { 'A=B': '' } }],
    ['an empty program', { command: [] }],
    ['a text as input', 'echo'],
  ])('refuses %s before it starts', async (_what, input) => {
    expect((await run(input)).error).toMatchObject({ code: 'input_invalid', retryable: false });
  });

  test('refuses NUL that comes in through JSON', async () => {
    expect((await run({ command: ':', args: ['a\0'] })).error).toMatchObject({
      code: 'input_invalid',
      retryable: false,
    });
    expect((await run({ command: ':', env: { A: 'a\0' } })).error).toMatchObject({
      code: 'input_invalid',
      retryable: false,
    });
  });
});
