import type { Command } from 'commander';
import type { Resource } from '../client.ts';
import { clientOf } from '../client.ts';
import { clientSettings, type Host, runs } from '../program.ts';
import { showGoal } from '../show-goal.ts';
import { column, field, resourceCommands, time } from './resource.ts';

const progress = (item: Resource): string => {
  const counts = (item['counts'] ?? {}) as Readonly<Record<string, number>>;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return total === 0 ? '' : `${counts['completed'] ?? 0}/${total}`;
};

export function goalCommands(program: Command, host: Host): void {
  const group = resourceCommands(program, host, {
    name: 'goals',
    description: 'goals: list, get, watch, cancel, pause, resume, approve, reject',
    path: '/v1/goals',
    columns: [
      column('id', 'id'),
      column('status', 'status'),
      column('tasks', progress),
      column('run', 'run'),
      column('submitted', time('submittedAt')),
      column('text', field('text')),
    ],
    filters: [
      { flag: 'agent-id', query: 'agentId', description: 'of this agent' },
      { flag: 'status', query: 'status', description: 'submitted, blocked, active, completed, failed, …' },
      { flag: 'label', query: 'label', description: 'key:value' },
    ],
    gettable: true,
    actions: [
      { name: 'cancel', description: 'end it and what it runs', reason: true },
      { name: 'pause', description: 'start no more of its tasks', reason: true },
      { name: 'resume', description: 'go on', reason: true },
      { name: 'approve', description: 'let it begin', reason: true },
      { name: 'reject', description: 'refuse it', reason: true },
    ],
    examples: ['astra goals list --status active', 'astra goals list --json | jq -r ".items[].id"'],
  });
  const watch = group.command('watch').description('follow it to its end').argument('<id>');
  runs(watch, host, clientSettings, async ({ config, terminal, json, args, exit }) => {
    exit(await showGoal({ client: clientOf(config), goalId: args[0] ?? '', terminal, json, onInterrupt: 'leave' }));
  });
}
