import type { Command } from 'commander';
import { agentCommands } from './commands/agents.ts';
import { artifactCommands } from './commands/artifacts.ts';
import { completionCommand } from './commands/completion.ts';
import { deadLetterCommands } from './commands/dead-letters.ts';
import { doctorCommand } from './commands/doctor.ts';
import { goalCommands } from './commands/goals.ts';
import { keyCommands } from './commands/keys.ts';
import { roleCommands } from './commands/roles.ts';
import { runCommand } from './commands/run.ts';
import { statsCommand } from './commands/stats.ts';
import { supervisionCommands } from './commands/supervision.ts';
import { taskCommands } from './commands/tasks.ts';
import { upCommand } from './commands/up.ts';
import { verifyCommand } from './commands/verify.ts';
import { astraVersion, versionCommand } from './commands/version.ts';
import { workerCommands } from './commands/workers.ts';
import type { Host } from './program.ts';

/** Puts all commands on a program. Its errors and its help are thrown as CommanderErrors, after they were printed. */
export function astra(program: Command, host: Host): Command {
  program
    .name('astra')
    .description(
      'The control plane for autonomous agents: goals become DAGs of tasks, tasks run on workers, everything is an event.',
    )
    .version(astraVersion, '-V, --version')
    .exitOverride()
    .showHelpAfterError('(--help shows how)')
    .configureOutput({
      writeOut: (text) => host.terminal.out(text),
      writeErr: (text) => host.terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'astra: ')),
    })
    .addHelpText(
      'after',
      `
Examples:
  $ astra up                                  everything on this machine
  $ astra run plan.yaml --input dir=/tmp      submit a plan and follow it
  $ astra goals list --status active
  $ astra doctor                              what is wrong, and what to do

Settings: flags over ASTRA_* variables over astra.yaml over defaults.
Exit codes: 0 completed, 1 failed, 2 not valid, 3 nothing answers, 130 interrupted.`,
    );
  upCommand(program, host);
  runCommand(program, host);
  goalCommands(program, host);
  taskCommands(program, host);
  agentCommands(program, host);
  workerCommands(program, host);
  deadLetterCommands(program, host);
  supervisionCommands(program, host);
  artifactCommands(program, host);
  statsCommand(program, host);
  keyCommands(program, host);
  doctorCommand(program, host);
  verifyCommand(program, host);
  roleCommands(program, host);
  completionCommand(program, host);
  versionCommand(program, host);
  inheritSettings(program);
  return program;
}

/** Subcommands made before the program was configured take its ways too. */
function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child);
  }
}
