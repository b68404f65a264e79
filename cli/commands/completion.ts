import { Argument, type Command } from 'commander';
import { completionScript, type Shell, shells } from '../completion.ts';
import type { Host } from '../program.ts';

export function completionCommand(program: Command, host: Host): void {
  program
    .command('completion')
    .description('a script that completes astra in your shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      '\nExamples:\n  $ source <(astra completion bash)\n  $ astra completion zsh > $fpath[1]/_astra\n  $ astra completion fish > ~/.config/fish/completions/astra.fish',
    )
    .action((shell: Shell) => host.terminal.out(completionScript(shell, program)));
}
