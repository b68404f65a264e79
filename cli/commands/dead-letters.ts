import type { Command } from 'commander';
import type { Resource } from '../client.ts';
import type { Host } from '../program.ts';
import { errorText } from '../view/goal-view.ts';
import { column, resourceCommands, time } from './resource.ts';

export function deadLetterCommands(program: Command, host: Host): void {
  resourceCommands(program, host, {
    name: 'dead-letters',
    description: 'what could not be done: list, redrive, discard',
    path: '/v1/dead-letters',
    columns: [
      column('id', 'id'),
      column('kind', 'kind'),
      column('since', time('createdAt')),
      column('count', 'count'),
      column('error', (item: Resource) => errorText(item['error'])),
    ],
    filters: [
      { flag: 'kind', query: 'kind', description: 'task, command or publication' },
      { flag: 'goal-id', query: 'goalId', description: 'of this goal' },
      { flag: 'agent-id', query: 'agentId', description: 'of this agent' },
      { flag: 'type', query: 'type', description: 'tasks of this type' },
      { flag: 'code', query: 'code', description: 'with this error' },
    ],
    gettable: false,
    actions: [
      { name: 'redrive', description: 'try it again' },
      { name: 'discard', description: 'forget it', method: 'DELETE' },
    ],
    examples: ['astra dead-letters list', 'astra dead-letters redrive gl_….fetch'],
  });
}
