import type { Command } from 'commander';
import { clientOf } from '../client.ts';
import { clientSettings, examples, type Host, runs } from '../program.ts';
import { printLogs } from '../task-logs.ts';
import { table } from '../view/table.ts';
import { column, field, itemPath, resourceCommands, time } from './resource.ts';

export function taskCommands(program: Command, host: Host): void {
  const resource = {
    name: 'tasks',
    description: 'tasks: list, get, logs, timeline, cancel, redrive',
    path: '/v1/tasks',
    columns: [
      column('id', 'id'),
      column('type', 'type'),
      column('status', 'status'),
      column('attempt', 'attempt'),
      column('pool', 'pool'),
      column('started', time('startedAt')),
      column('finished', time('finishedAt')),
    ],
    filters: [
      { flag: 'goal-id', query: 'goalId', description: 'of this goal' },
      { flag: 'agent-id', query: 'agentId', description: 'of this agent' },
      {
        flag: 'status',
        query: 'status',
        description: 'created, pending, queued, running, failed, completed, dead_letter, cancelled',
      },
      { flag: 'type', query: 'type', description: 'of this type' },
      { flag: 'pool', query: 'pool', description: 'of this pool' },
      { flag: 'worker-id', query: 'workerId', description: 'run by this worker' },
    ],
    gettable: true,
    actions: [
      { name: 'cancel', description: 'end it', reason: true },
      { name: 'redrive', description: 'run a dead letter again' },
    ],
    examples: ['astra tasks list --status running', 'astra tasks logs gl_….fetch --follow'],
  };
  const group = resourceCommands(program, host, resource);
  const logs = group
    .command('logs')
    .description('what it wrote')
    .argument('<id>')
    .option('-f, --follow', 'go on while it runs');
  examples(logs, 'astra tasks logs gl_….fetch --follow');
  runs(logs, host, clientSettings, async ({ config, terminal, json, args, options }) => {
    await printLogs(clientOf(config), itemPath(resource, args[0]), {
      follow: options['follow'] === true,
      json,
      terminal,
    });
  });
  const timeline = group.command('timeline').description('every transition').argument('<id>');
  runs(timeline, host, clientSettings, async ({ config, terminal, json, args }) => {
    const answer = await clientOf(config).get(`${itemPath(resource, args[0])}/timeline`);
    if (json) {
      terminal.out(`${JSON.stringify(answer)}\n`);
      return;
    }
    const items = (answer['items'] ?? []) as readonly (typeof answer)[];
    const names = ['at', 'type', 'status', 'attempt', 'workerId', 'position'];
    terminal.out(
      table(
        names,
        items.map((item) => names.map((name) => field(name)(item))),
        terminal,
      ),
    );
  });
}
