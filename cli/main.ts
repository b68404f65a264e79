import { Command, CommanderError } from 'commander';
import { astra } from './astra.ts';
import { describeError } from './describe-error.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { processTerminal } from './terminal.ts';

/** The astra command: reads the words, runs the command, and ends with an exit code (cli/exit-code.ts). */
const terminal = processTerminal();
let code: number = exitCode.completed;

try {
  await astra(new Command(), { terminal, exit: (wanted) => (code = wanted) }).parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) code = error.exitCode === 0 ? exitCode.completed : exitCode.usage;
  else {
    code = exitCodeOf(error);
    terminal.err(`astra: ${describeError(error, terminal.debug)}\n`);
  }
}
process.exitCode = code;
// What keeps the loop alive after a command is through (an idle connection to the gateway) is not worth waiting for.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
process.exit(code);
