import type { Command } from 'commander';
import type { Host } from '../program.ts';
import { column, field, resourceCommands, time } from './resource.ts';

export function workerCommands(program: Command, host: Host): void {
  resourceCommands(program, host, {
    name: 'workers',
    description: 'workers: list, get, drain',
    path: '/v1/workers',
    columns: [
      column('id', 'id'),
      column('status', 'status'),
      column('running', (item) => `${field('running')(item)}/${field('slots')(item)}`),
      column('pools', field('pools')),
      column('host', field('host')),
      column('registered', time('registeredAt')),
    ],
    filters: [{ flag: 'status', query: 'status', description: 'active, draining, lost, gone' }],
    gettable: true,
    actions: [{ name: 'drain', description: 'finish what it runs, take no more', reason: true }],
    examples: ['astra workers list'],
  });
}
