import type { Command } from 'commander';
import type { Host } from '../program.ts';
import { column, field, resourceCommands, time } from './resource.ts';

export function supervisionCommands(program: Command, host: Host): void {
  resourceCommands(program, host, {
    name: 'supervision',
    description: 'actors that have failed and are held back: list, get, resume',
    path: '/v1/supervision',
    columns: [
      column('id', 'id'),
      column('actor', (item) => `${field('actor', 'type')(item)} ${field('actor', 'id')(item)}`),
      column('status', 'status'),
      column('reason', 'reason'),
      column('error', 'code'),
      column('since', time('since')),
    ],
    filters: [
      { flag: 'status', query: 'status', description: 'waiting, suspended' },
      { flag: 'type', query: 'type', description: 'actors of this type: agent, goal, task …' },
    ],
    gettable: true,
    actions: [{ name: 'resume', description: 'let it go on' }],
    examples: ['astra supervision list --status suspended', 'astra supervision resume sv_…'],
  });
}
