import type { Command } from 'commander';
import { clientOf } from '../client.ts';
import { exitCode } from '../exit-code.ts';
import { readPlanFile } from '../plan-file.ts';
import { clientSettings, examples, type Host, runs } from '../program.ts';
import { showGoal } from '../show-goal.ts';
import { submit } from '../submit.ts';

export function runCommand(program: Command, host: Host): void {
  const command = program
    .command('run')
    .description('submit a plan and follow it: Ctrl-C cancels the goal, a second one leaves at once')
    .argument('<file>', 'a plan in YAML or JSON')
    .option(
      '-i, --input <NAME=VALUE>',
      'an input of the plan (repeatable)',
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .option('--agent <NAME>', 'for this agent, by name or id; it is made if missing')
    .option('--idempotency-key <KEY>', 'submit once, however often this is run with the same key')
    .option('--detach', 'do not follow: print the goal and leave');
  examples(
    command,
    'astra run plan.yaml',
    'astra run plan.yaml --input dir=/usr/share/doc --json',
    'astra run plan.yaml --detach',
  );
  command.addHelpText(
    'after',
    '\nExit codes: 0 completed, 1 failed or cancelled, 2 not valid, 3 nothing answers, 130 interrupted',
  );
  runs(command, host, clientSettings, async ({ config, terminal, json, args, options, exit }) => {
    const plan = readPlanFile(args[0] ?? '', options['input'] as readonly string[]);
    const client = clientOf(config);
    const agent = options['agent'] as string | undefined;
    const { goalId, agentId, position } = await submit(
      client,
      plan,
      agent,
      options['idempotencyKey'] as string | undefined,
    );
    if (options['detach'] === true) {
      terminal.out(json ? `${JSON.stringify({ id: goalId, agentId, position })}\n` : `${goalId}\n`);
      exit(exitCode.completed);
      return;
    }
    exit(await showGoal({ client, goalId, after: position, terminal, json, onInterrupt: 'cancel' }));
  });
}
